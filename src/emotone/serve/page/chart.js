/** A canvas with the last minute: level, coloured by emotion where an utterance has ended, and attributes as lines:
 * level over an utterance that has ended, as on the page of a recording, from second to second in the one that goes on. */

const SHOWN_S = 60;
const LEFT = 26; // for the numbers of the scale
const TRACKS = 6;
const NO_SCALE = [-1, 1]; // of relative scores, to begin with

export class Chart {
  /** scales: {attribute: [low, high], or null where it has none}; colours: {emotion: colour}. */
  constructor(canvas, scales, colours) {
    Object.assign(this, { canvas, scales, colours, levels: [], points: [], spans: [], now: 0 });
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(canvas);
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.redraw = () => this.draw();
    this.scheme.addEventListener("change", this.redraw);
  }

  close() {
    this.observer.disconnect();
    this.scheme.removeEventListener("change", this.redraw);
  }

  /** The peak, 0 to 1, of sound that ends at a time. */
  addLevel(time, level) {
    this.now = time;
    this.levels.push([time, level]);
    this.#forget(this.levels, ([at]) => at);
  }

  /** Scores of a moment; null where nobody speaks. */
  addScores(time, row) {
    this.points.push([time, row]);
    this.#forget(this.points, ([at]) => at);
  }

  begin(start) { this.spans.push({ start, end: null, emotion: null }); }

  /** row: of the utterance that has ended; null where it was no speech. */
  end(row) {
    const open = this.spans.find((span) => span.end === null);
    if (open) this.spans.splice(this.spans.indexOf(open), 1);
    if (row) this.spans.push({ start: row.start_s, end: row.end_s, emotion: row.emotion, row });
    this.#forget(this.spans, (span) => span.end ?? this.now);
  }

  #forget(list, timeOf) {
    while (list.length && timeOf(list[0]) < this.now - SHOWN_S - 1) list.shift();
  }

  /** The ends of an attribute's scale, or of the scores beyond it; undefined of what is no attribute. */
  scaleOf(name) {
    if (!(name in this.scales)) return undefined;
    const [low, high] = this.scales[name] ?? NO_SCALE;
    const rows = [...this.points.map(([, row]) => row), ...this.spans.map(({ row }) => row)];
    const seen = rows.map((row) => row?.[name]).filter((score) => typeof score === "number");
    return [Math.min(low, ...seen), Math.max(high, ...seen)];
  }

  draw() {
    const ratio = devicePixelRatio || 1, { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width) return;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const pen = this.canvas.getContext("2d"), style = getComputedStyle(this.canvas);
    pen.scale(ratio, ratio);
    pen.font = "11px system-ui, sans-serif";
    const to = Math.max(SHOWN_S, this.now), x = (time) => LEFT + ((time - to + SHOWN_S) / SHOWN_S) * (width - LEFT);
    const wave = height * 0.3, colour = (name) => style.getPropertyValue(name).trim();
    this.#ticks(pen, x, to, width, height, colour);
    this.#wave(pen, x, wave, colour);
    this.#lines(pen, x, wave + 14, height - 24, width, colour);
  }

  #ticks(pen, x, to, width, height, colour) {
    pen.textAlign = "center";
    for (let time = Math.ceil((to - SHOWN_S) / 10) * 10; time <= to; time += 10) {
      pen.fillStyle = colour("--line");
      pen.fillRect(x(time), 0, 1, height - 16);
      pen.fillStyle = colour("--soft");
      const label = `${Math.floor(time / 60)}:${String(time % 60).padStart(2, "0")}`;
      pen.fillText(label, Math.min(width - 14, Math.max(12, x(time))), height - 4);
    }
  }

  #wave(pen, x, height, colour) {
    const middle = height / 2 + 4;
    for (const span of this.spans) {
      const end = span.end ?? this.now;
      pen.globalAlpha = span.end === null ? 0.15 : 0.3;
      pen.fillStyle = this.colours[span.emotion] ?? colour("--mark");
      pen.fillRect(Math.max(LEFT, x(span.start)), 4, Math.max(1, x(end) - Math.max(LEFT, x(span.start))), height);
    }
    pen.globalAlpha = 1;
    for (const [time, level] of this.levels) {
      if (x(time) < LEFT) continue;
      const span = this.spans.find(({ start, end }) => start < time && time <= (end ?? Infinity));
      pen.fillStyle = span?.end ? this.colours[span.emotion] ?? colour("--mark") : colour(span ? "--mark" : "--wave");
      const size = Math.max(1, Math.sqrt(level) * height); // the root, so that quiet speech is seen, too
      pen.fillRect(x(time - 0.1), middle - size / 2, Math.max(1, x(time) - x(time - 0.1) - 0.5), size);
    }
  }

  #lines(pen, x, top, bottom, width, colour) {
    const names = Object.keys(this.scales);
    if (!names.length) return;
    const ends = names.flatMap((name) => this.scales[name] ?? NO_SCALE), [least, most] = [Math.min(...ends), Math.max(...ends)];
    const low = Math.min(...names.map((name) => this.scaleOf(name)[0])), high = Math.max(...names.map((name) => this.scaleOf(name)[1]));
    const y = (score) => bottom - ((score - low) / (high - low)) * (bottom - top);
    pen.textAlign = "right";
    for (const level of [least, (least + most) / 2, most]) {
      pen.fillStyle = colour("--line");
      pen.fillRect(LEFT, y(level), width - LEFT, 1);
      pen.fillStyle = colour("--soft");
      pen.fillText(+level.toFixed(2), LEFT - 4, y(level) + 4);
    }
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, top - 8, width - LEFT, bottom - top + 16);
    pen.clip();
    pen.lineWidth = 2;
    names.forEach((name, place) => {
      pen.strokeStyle = pen.fillStyle = colour(`--t${place % TRACKS}`);
      pen.beginPath();
      let isOpen = false;
      for (const { start, end, row } of this.spans) {
        if (typeof row?.[name] !== "number") continue;
        pen.moveTo(x(start), y(row[name]));
        pen.lineTo(x(end), y(row[name]));
      }
      const ended = Math.max(0, ...this.spans.map(({ end }) => end ?? 0));
      for (const [time, row] of this.points) {
        if (time < ended) continue;
        const score = row?.[name];
        if (typeof score !== "number") { isOpen = false; continue; }
        const where = [x(time), y(score)];
        if (isOpen) pen.lineTo(...where); else { pen.moveTo(...where); pen.lineTo(where[0] + 0.1, where[1]); }
        pen.fillRect(where[0] - 2, where[1] - 2, 4, 4);
        isOpen = true;
      }
      pen.stroke();
    });
    pen.restore();
  }
}
