/**
 * The hands of the timeline: a canvas that follows its size, and pointers, wheel and fingers turned into views.
 *
 * What does not belong here: arithmetic (`scale`), looks (`draw`), and what a chosen moment does.
 */

import { draw, type Palette, type Scene } from "./draw";
import { hit, type Hit } from "./hit";
import { bound, pan, pinch, spanMs, toMs, zoom, type View } from "./scale";
import type { Row } from "./rows";
import { anchorAt, between, type Selection } from "./select";
import { ticks } from "./ticks";
import type { Zone } from "./zone";

export interface SurfaceState {
  readonly rows: readonly Row[];
  readonly selected: number;
  readonly scrollTop: number;
  readonly playheadMs: number | null;
  readonly isLive: boolean;
  /** Null: dragging moves the view. Otherwise it chooses a stretch of a row. */
  readonly selection: Selection | null;
  readonly zone: Zone;
  readonly locale: string;
}

export interface SurfaceOptions {
  readonly canvas: HTMLCanvasElement;
  readonly view: View;
  readonly rowHeight: number;
  readonly ruler: number;
  readonly palette: () => Palette;
  readonly nowMs: () => number;
  readonly state: () => SurfaceState;
  readonly onView: (view: View) => void;
  readonly onSeek: (hit: Hit) => void;
  /** `row`: whose stretch it is; null below the last one. */
  readonly onSelect: (selection: Selection, row: number | null) => void;
  readonly onHover: (hit: Hit | null, x: number) => void;
}

const DRAG_PX = 4;
/** How near to an edge a pointer takes it; fingers are thicker. */
const REACH_PX = 8;
const FINGER_PX = 22;

interface Held {
  x: number;
  readonly startX: number;
  hasMoved: boolean;
  readonly isRuler: boolean;
  /** The end of a selection that stays, while the other one is dragged. */
  readonly anchorMs: number | null;
  readonly row: number | null;
}

export class Surface {
  private readonly o: SurfaceOptions;
  private readonly observer: ResizeObserver;
  private fitting = 0;
  private view: View;
  private width = 0;
  private height = 0;
  private palette: Palette;
  private frame = 0;
  private pointers = new Map<number, Held>();
  private pointerMs: number | null = null;

  constructor(options: SurfaceOptions) {
    this.o = options;
    this.view = options.view;
    this.palette = options.palette();
    const { canvas } = options;
    // In the next frame: a canvas that changes its size while sizes are observed is a loop, and browsers complain of it.
    this.observer = new ResizeObserver(() => {
      cancelAnimationFrame(this.fitting);
      this.fitting = requestAnimationFrame(() => {
        this.fit();
      });
    });
    this.observer.observe(canvas);
    canvas.addEventListener("wheel", this.wheel, { passive: false });
    canvas.addEventListener("pointerdown", this.down);
    canvas.addEventListener("pointermove", this.move);
    canvas.addEventListener("pointerup", this.up);
    canvas.addEventListener("pointercancel", this.cancel);
    canvas.addEventListener("pointerleave", this.leave);
    this.fit();
  }

  destroy(): void {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    cancelAnimationFrame(this.fitting);
    const { canvas } = this.o;
    canvas.removeEventListener("wheel", this.wheel);
    canvas.removeEventListener("pointerdown", this.down);
    canvas.removeEventListener("pointermove", this.move);
    canvas.removeEventListener("pointerup", this.up);
    canvas.removeEventListener("pointercancel", this.cancel);
    canvas.removeEventListener("pointerleave", this.leave);
  }

  get widthPx(): number {
    return this.width;
  }

  setView(view: View): void {
    this.view = bound(view, this.o.nowMs());
    this.o.onView(this.view);
    this.refresh();
  }

  recolor(): void {
    this.palette = this.o.palette();
    this.refresh();
  }

  /** Draws with the next picture of the screen. */
  refresh(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  private fit(): void {
    const { canvas } = this.o;
    const scale = devicePixelRatio || 1;
    this.width = canvas.clientWidth;
    this.height = canvas.clientHeight;
    canvas.width = Math.round(this.width * scale);
    canvas.height = Math.round(this.height * scale);
    canvas.getContext("2d")?.setTransform(scale, 0, 0, scale, 0, 0);
    this.paint();
  }

  private paint(): void {
    const g = this.o.canvas.getContext("2d");
    if (!g || this.width === 0) return;
    const state = this.o.state();
    const scene: Scene = {
      view: this.view,
      width: this.width,
      height: this.height,
      ruler: this.o.ruler,
      rowHeight: this.o.rowHeight,
      scrollTop: state.scrollTop,
      rows: state.rows,
      selected: state.selected,
      ticks: ticks(this.view, this.width, state.zone, state.locale),
      nowMs: this.o.nowMs(),
      playheadMs: state.playheadMs,
      isLive: state.isLive,
      pointerMs: this.pointerMs,
      selection: state.selection,
    };
    draw(g, scene, this.palette);
  }

  private place(event: PointerEvent | WheelEvent): { x: number; y: number } {
    const box = this.o.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top - this.o.ruler };
  }

  private hitAt(x: number, y: number): Hit {
    const { rows, scrollTop } = this.o.state();
    // Above the rows is the ruler, however far they are scrolled.
    return hit(this.view, this.width, this.o.rowHeight, rows, x, y < 0 ? -1 : y + scrollTop);
  }

  private readonly wheel = (event: WheelEvent): void => {
    const { x } = this.place(event);
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    if (isSideways) {
      event.preventDefault();
      const delta = (event.deltaX || event.deltaY) * unit;
      this.setView(pan(this.view, (delta / this.width) * spanMs(this.view)));
      return;
    }
    event.preventDefault();
    this.setView(zoom(this.view, toMs(this.view, this.width, x), Math.exp(event.deltaY * unit * 0.002)));
  };

  private readonly down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    const { x, y } = this.place(event);
    this.o.canvas.setPointerCapture(event.pointerId);
    const { selection, selected } = this.o.state();
    const { row } = this.hitAt(x, y);
    // Only edges that are seen can be taken: those of the selected row.
    const seen = row === selected ? selection : null;
    const reach = event.pointerType === "touch" ? FINGER_PX : REACH_PX;
    const anchorMs = selection === null || y < 0 ? null : anchorAt(this.view, this.width, seen, x, reach);
    this.pointers.set(event.pointerId, { x, startX: x, hasMoved: false, isRuler: y < 0, anchorMs, row });
  };

  private readonly move = (event: PointerEvent): void => {
    const { x, y } = this.place(event);
    const held = this.pointers.get(event.pointerId);
    if (!held) {
      if (event.pointerType === "mouse") this.hover(x, y);
      return;
    }
    if (Math.abs(x - held.startX) > DRAG_PX) held.hasMoved = true;
    const before = held.x;
    if (this.pointers.size === 2) {
      const other = [...this.pointers.entries()].find(([id]) => id !== event.pointerId)?.[1];
      held.hasMoved = true;
      if (other) {
        other.hasMoved = true;
        this.setView(pinch(this.view, this.width, [before, other.x], [x, other.x]));
      }
    } else if (held.isRuler && held.hasMoved) {
      // Dragging the ruler moves the playhead, as on every editor's desk.
      this.o.onSeek({ ...this.hitAt(x, -1), row: null });
    } else if (held.hasMoved && held.anchorMs !== null) {
      const chosen = between(held.anchorMs, toMs(this.view, this.width, x), this.o.nowMs());
      this.o.onSelect(chosen, held.row);
    } else if (held.hasMoved) {
      this.setView(pan(this.view, ((before - x) / this.width) * spanMs(this.view)));
    }
    held.x = x;
    this.o.canvas.style.cursor = held.hasMoved && !held.isRuler && held.anchorMs === null ? "grabbing" : "";
    if (held.hasMoved) this.clearHover();
  };

  private readonly up = (event: PointerEvent): void => {
    const held = this.pointers.get(event.pointerId);
    this.pointers.delete(event.pointerId);
    this.o.canvas.style.cursor = "";
    if (!held || held.hasMoved) return;
    const { x, y } = this.place(event);
    this.o.onSeek(this.hitAt(x, y));
  };

  private readonly cancel = (event: PointerEvent): void => {
    this.pointers.delete(event.pointerId);
  };

  private readonly leave = (): void => {
    this.clearHover();
  };

  private hover(x: number, y: number): void {
    this.pointerMs = toMs(this.view, this.width, x);
    this.o.onHover(this.hitAt(x, y), x);
    this.refresh();
  }

  private clearHover(): void {
    if (this.pointerMs === null) return;
    this.pointerMs = null;
    this.o.onHover(null, 0);
    this.refresh();
  }
}
