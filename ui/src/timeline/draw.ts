/**
 * Draws rows and ruler on a canvas. Nothing is remembered between two drawings.
 *
 * What does not belong here: which data there is, and what the pointer does.
 */

import { firstEndingAfter } from "./hit";
import { toX, type View } from "./scale";
import type { GapLook, Row, RowGap } from "./rows";
import type { Selection } from "./select";
import type { Tick } from "./ticks";

export interface Palette {
  readonly ground: string;
  readonly track: string;
  readonly footage: string;
  readonly footageSelected: string;
  readonly line: string;
  readonly lineStrong: string;
  readonly text: string;
  readonly textQuiet: string;
  readonly lost: string;
  readonly quietGap: string;
  readonly mark: string;
  readonly now: string;
  readonly playhead: string;
  readonly selection: string;
  readonly font: string;
}

export interface Scene {
  readonly view: View;
  readonly width: number;
  readonly height: number;
  readonly ruler: number;
  readonly rowHeight: number;
  /** How far the rows are scrolled up beneath the ruler. */
  readonly scrollTop: number;
  readonly rows: readonly Row[];
  readonly selected: number;
  readonly ticks: readonly Tick[];
  readonly nowMs: number;
  readonly playheadMs: number | null;
  /** The playhead is at now, and moves with it. */
  readonly isLive: boolean;
  readonly pointerMs: number | null;
  /** Of the selected row. */
  readonly selection: Selection | null;
}

const BAR = 16;

export function draw(g: CanvasRenderingContext2D, scene: Scene, palette: Palette): void {
  g.clearRect(0, 0, scene.width, scene.height);
  drawGrid(g, scene, palette);
  g.save();
  g.beginPath();
  g.rect(0, scene.ruler, scene.width, scene.height - scene.ruler);
  g.clip();
  scene.rows.forEach((row, index) => {
    const y = scene.ruler + index * scene.rowHeight - scene.scrollTop;
    const isInSight = y < scene.height && y + scene.rowHeight > scene.ruler;
    if (isInSight) drawRow(g, scene, row, y, index === scene.selected, palette);
  });
  g.restore();
  drawLabels(g, scene, palette);
  drawFuture(g, scene, palette);
  drawNow(g, scene, palette);
  if (scene.pointerMs !== null) {
    verticalLine(
      g,
      toX(scene.view, scene.width, scene.pointerMs),
      scene.ruler,
      scene.height,
      palette.lineStrong,
      1,
    );
  }
  if (scene.playheadMs !== null) drawPlayhead(g, scene, scene.playheadMs, palette);
}

/** Behind the rows: a line across footage would look like a gap. */
function drawGrid(g: CanvasRenderingContext2D, scene: Scene, palette: Palette): void {
  for (const tick of scene.ticks) {
    const x = toX(scene.view, scene.width, tick.utcMs);
    verticalLine(g, x, scene.ruler - 6, scene.height, tick.isMajor ? palette.lineStrong : palette.line, 1);
  }
}

function drawLabels(g: CanvasRenderingContext2D, scene: Scene, palette: Palette): void {
  g.textBaseline = "middle";
  let freeFromX = Number.NEGATIVE_INFINITY;
  for (const tick of scene.ticks) {
    const x = toX(scene.view, scene.width, tick.utcMs);
    g.font = `${tick.isMajor ? 600 : 450} 12px ${palette.font}`;
    g.fillStyle = tick.isMajor ? palette.text : palette.textQuiet;
    const width = g.measureText(tick.label).width;
    const left = Math.min(Math.max(x - width / 2, 4), scene.width - width - 4);
    if (left < freeFromX) continue;
    g.fillText(tick.label, left, scene.ruler / 2);
    freeFromX = left + width + 12;
  }
  horizontalLine(g, scene.ruler, scene.width, palette.line);
}

function drawRow(
  g: CanvasRenderingContext2D,
  scene: Scene,
  row: Row,
  y: number,
  isSelected: boolean,
  palette: Palette,
): void {
  const top = y + (scene.rowHeight - BAR) / 2;
  if (isSelected) {
    g.fillStyle = palette.track;
    g.fillRect(0, y, scene.width, scene.rowHeight);
  }
  horizontalLine(g, y + scene.rowHeight, scene.width, palette.line);
  drawSpans(g, scene, row, top, isSelected ? palette.footageSelected : palette.footage);
  for (let i = firstEndingAfter(row.gaps, scene.view.startMs); i < row.gaps.length; i += 1) {
    const gap = row.gaps[i];
    if (!gap || gap.startMs >= scene.view.endMs) break;
    drawGap(g, scene, gap, top, palette);
  }
  drawLocks(g, scene, row, top + BAR, palette);
  if (isSelected && scene.selection) drawSelection(g, scene, scene.selection, y, palette);
  g.fillStyle = palette.mark;
  for (const mark of row.marks) {
    const x = toX(scene.view, scene.width, mark.atMs);
    if (x < -4 || x > scene.width + 4) continue;
    g.beginPath();
    g.arc(x, top - 4, 2.5, 0, Math.PI * 2);
    g.fill();
  }
}

/** One rectangle for all spans that touch the same pixels: a year of segments costs no more than an hour. */
function drawSpans(g: CanvasRenderingContext2D, scene: Scene, row: Row, top: number, color: string): void {
  g.fillStyle = color;
  let left = 0;
  let right = Number.NEGATIVE_INFINITY;
  const flush = (): void => {
    if (right <= left) return;
    g.beginPath();
    g.roundRect(left, top, Math.max(1, right - left), BAR, 2);
    g.fill();
  };
  for (let i = firstEndingAfter(row.spans, scene.view.startMs); i < row.spans.length; i += 1) {
    const span = row.spans[i];
    if (!span || span.startMs >= scene.view.endMs) break;
    const from = Math.max(-4, toX(scene.view, scene.width, span.startMs));
    const to = Math.min(scene.width + 4, toX(scene.view, scene.width, span.endMs));
    if (from - right > 0.5) {
      flush();
      left = from;
    }
    right = Math.max(to, from + 1);
  }
  flush();
}

/** A bracket beneath what no rule deletes. */
function drawLocks(
  g: CanvasRenderingContext2D,
  scene: Scene,
  row: Row,
  bottom: number,
  palette: Palette,
): void {
  g.fillStyle = palette.text;
  for (let i = firstEndingAfter(row.locks, scene.view.startMs); i < row.locks.length; i += 1) {
    const lock = row.locks[i];
    if (!lock || lock.startMs >= scene.view.endMs) break;
    const from = toX(scene.view, scene.width, lock.startMs);
    const width = Math.max(3, toX(scene.view, scene.width, lock.endMs) - from);
    g.fillRect(from, bottom + 3, width, 2);
    g.fillRect(from, bottom, 2, 5);
    g.fillRect(from + width - 2, bottom, 2, 5);
  }
}

function drawSelection(
  g: CanvasRenderingContext2D,
  scene: Scene,
  selection: Selection,
  y: number,
  palette: Palette,
): void {
  const from = toX(scene.view, scene.width, selection.startMs);
  const to = toX(scene.view, scene.width, selection.endMs);
  g.fillStyle = palette.selection;
  g.globalAlpha = 0.28;
  g.fillRect(from, y, Math.max(1, to - from), scene.rowHeight);
  g.globalAlpha = 1;
  for (const x of [from, to]) {
    g.fillRect(x - 1, y, 2, scene.rowHeight);
    g.beginPath();
    g.roundRect(x - 3, y + scene.rowHeight / 2 - 8, 6, 16, 3);
    g.fill();
  }
}

function drawGap(
  g: CanvasRenderingContext2D,
  scene: Scene,
  gap: RowGap,
  top: number,
  palette: Palette,
): void {
  const from = Math.max(0, toX(scene.view, scene.width, gap.startMs));
  const to = Math.min(scene.width, toX(scene.view, scene.width, gap.endMs));
  const width = Math.max(gap.look === "lost" ? 2 : 1, to - from);
  g.save();
  g.beginPath();
  g.rect(from, top, width, BAR);
  g.clip();
  const color = colorOf(gap.look, palette);
  g.globalAlpha = gap.look === "lost" ? 0.22 : 0.14;
  g.fillStyle = color;
  g.fillRect(from, top, width, BAR);
  g.globalAlpha = gap.look === "lost" ? 0.95 : 0.5;
  g.strokeStyle = color;
  g.lineWidth = 1;
  const step = gap.look === "deleted" ? 10 : 6;
  // Anchored to time zero of the screen, not of the gap, so that neighbours match.
  g.beginPath();
  for (let x = Math.floor(from / step) * step - BAR; x < from + width; x += step) {
    g.moveTo(x, top + BAR);
    g.lineTo(x + BAR, top);
  }
  g.stroke();
  if (gap.look === "lost") {
    g.fillStyle = color;
    g.fillRect(from, top + BAR - 2, width, 2);
  }
  g.restore();
}

function colorOf(look: GapLook, palette: Palette): string {
  return look === "lost" ? palette.lost : palette.quietGap;
}

function drawFuture(g: CanvasRenderingContext2D, scene: Scene, palette: Palette): void {
  const x = toX(scene.view, scene.width, scene.nowMs);
  if (x >= scene.width) return;
  g.globalAlpha = 0.55;
  g.fillStyle = palette.ground;
  g.fillRect(Math.max(0, x), scene.ruler + 1, scene.width, scene.height);
  g.globalAlpha = 1;
}

function drawNow(g: CanvasRenderingContext2D, scene: Scene, palette: Palette): void {
  const x = toX(scene.view, scene.width, scene.nowMs);
  if (x < 0 || x > scene.width) return;
  verticalLine(g, x, scene.ruler - 6, scene.height, palette.now, 1.5);
}

function drawPlayhead(g: CanvasRenderingContext2D, scene: Scene, ms: number, palette: Palette): void {
  const x = toX(scene.view, scene.width, ms);
  if (x < -8 || x > scene.width + 8) return;
  const color = scene.isLive ? palette.now : palette.playhead;
  verticalLine(g, x, scene.ruler - 2, scene.height, color, 2);
  g.fillStyle = color;
  g.beginPath();
  g.roundRect(x - 5, scene.ruler - 12, 10, 12, [3, 3, 5, 5]);
  g.fill();
}

function verticalLine(
  g: CanvasRenderingContext2D,
  x: number,
  from: number,
  to: number,
  color: string,
  width: number,
): void {
  g.fillStyle = color;
  g.fillRect(Math.round(x) - (width > 1 ? width / 2 : 0), from, width, to - from);
}

function horizontalLine(g: CanvasRenderingContext2D, y: number, width: number, color: string): void {
  g.fillStyle = color;
  g.fillRect(0, Math.round(y) - 1, width, 1);
}
