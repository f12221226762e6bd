/**
 * How many columns make 16:9 tiles as large as can be.
 *
 * What does not belong here: what is in a tile.
 */

export interface GridShape {
  readonly columns: number;
  readonly tileWidth: number;
  /** The tiles do not fit and are scrolled. */
  readonly scrolls: boolean;
}

const ASPECT = 16 / 9;
/** Smaller pictures tell nothing; then the grid scrolls. */
const MIN_TILE = 168;

export function gridShape(count: number, width: number, height: number, gap: number): GridShape {
  let best: GridShape = { columns: 1, tileWidth: 0, scrolls: true };
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const rows = Math.ceil(count / columns);
    const byWidth = (width - gap * (columns - 1)) / columns;
    const byHeight = ((height - gap * (rows - 1)) / rows) * ASPECT;
    const tileWidth = Math.floor(Math.min(byWidth, byHeight));
    if (tileWidth > best.tileWidth) best = { columns, tileWidth, scrolls: false };
  }
  if (best.tileWidth >= Math.min(MIN_TILE, width) && (width >= 600 || best.tileWidth > width * 0.45))
    return best;
  // A phone, or very many: as wide as is readable, and scroll.
  const columns =
    width < 600 ? (count > 6 ? 2 : 1) : Math.max(1, Math.floor((width + gap) / (MIN_TILE * 1.4 + gap)));
  return { columns, tileWidth: Math.floor((width - gap * (columns - 1)) / columns), scrolls: true };
}

/** Where an arrow key leads from tile `index`. */
export function neighbourTile(index: number, key: string, columns: number, count: number): number {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  if (step === undefined) return index;
  const next = index + step;
  return next >= 0 && next < count ? next : index;
}
