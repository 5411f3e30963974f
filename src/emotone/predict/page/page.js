
"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const table = at("pieces");
const rows = table ? [...table.tBodies[0].rows] : [];
const heads = table ? [...table.tHead.rows[0].cells] : [];

// ---- the table: sorted by a click on its heads ----------------------------------------------------------------
const valueOf = (row, place, kind) => {
  if (kind === "start" && row.dataset.s !== undefined) return +row.dataset.s;
  if (kind === "end" && row.dataset.e !== undefined) return +row.dataset.e;
  const words = row.cells[place].textContent;
  return kind === "text" ? words : parseFloat(words.replace("−", "-"));
};
const isMissing = (value) => value === "" || Number.isNaN(value);
const sortBy = (place) => {
  const head = heads[place], kind = head.dataset.kind;
  const before = head.getAttribute("aria-sort");
  const isNumber = kind === "number" || kind === "probability";
  const way = before ? (before === "ascending" ? -1 : 1) : isNumber ? -1 : 1;
  heads.forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
  const order = rows.map((row) => [valueOf(row, place, kind), row]);
  order.sort(([a], [b]) => {
    if (isMissing(a) || isMissing(b)) return isMissing(a) - isMissing(b);
    return way * (kind === "text" ? a.localeCompare(b) : a - b);
  });
  table.tBodies[0].append(...order.map(([, row]) => row));
};
heads.forEach((head, place) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = head.textContent;
  button.addEventListener("click", () => sortBy(place));
  head.replaceChildren(button);
});
if (!data.recordings.length) return;

// ---- recordings and the pieces of each ------------------------------------------------------------------------
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const pieces = [];
rows.forEach((row, place) => {
  const { r, s, e, k, l } = row.dataset;
  if (r !== undefined) pieces.push({ row, r: +r, s: +s, e: +e, k: k === undefined ? -1 : +k, l: +(l || 0), label: data.labels[place] });
});
data.more.forEach(([r, s, e, k, l]) => pieces.push({ row: null, r, s, e, k, l }));
const recordings = data.recordings.map((recording, number) => {
  const own = pieces.filter((piece) => piece.r === number);
  const ordered = [...own].sort((a, b) => a.s - b.s);
  let last = 0;  // how long a piece is at most, so that few are looked through for the one at a time
  ordered.forEach((piece) => { last = Math.max(last, piece.e - piece.s); });
  return { ...recording, own, ordered, longest: last, bytes: bytesOf(recording.peaks), urls: new Map() };
});
const pieceAt = (recording, time, lane) => {
  const { ordered, longest } = recording;
  let low = 0, high = ordered.length;
  while (low < high) { const middle = (low + high) >> 1; if (ordered[middle].s <= time) low = middle + 1; else high = middle; }
  for (let place = low - 1; place >= 0 && ordered[place].s >= time - longest; place--) {
    const piece = ordered[place];
    if (piece.e > time && (lane === undefined || piece.l === lane)) return piece;
  }
  return null;
};

// ---- the picture: labels, waveform, lanes, curves, times --------------------------------------------------------
const stage = at("stage"), canvas = at("picture"), cursor = at("cursor"), tip = at("tip"), pen = canvas.getContext("2d");
const LABELS = 18, WAVE = 84, LANE = 14, CURVES = 120, TIMES = 18;
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400];
let now = recordings[0], from = 0, to = now.length, time = 0, width = 0, tops = {}, EDGE = 34;
const across = (seconds) => EDGE + ((width - EDGE) * (seconds - from)) / (to - from);
const secondsAt = (x) => Math.min(now.length, Math.max(0, from + ((to - from) * (x - EDGE)) / (width - EDGE)));
const clock = (seconds, digits = 0) => {
  const units = 10 ** digits, all = Math.round(seconds * units), rest = all % (60 * units);
  const minutes = Math.floor(all / (60 * units)), hours = Math.floor(minutes / 60);
  const tail = (rest / units).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
};
const colours = () => {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(["ink", "soft", "line", "wave", "accent", "mark"].map((name) => [name, style.getPropertyValue("--" + name).trim()]));
};
const colourOf = (piece, shade) => (piece.k < 0 ? (data.marked ? shade.accent : shade.mark) : data.kinds[piece.k].colour);

const draw = () => {
  const shade = colours(), scale = window.devicePixelRatio || 1, lanes = now.lanes.length;
  width = stage.clientWidth;
  tops = { wave: LABELS, lanes: LABELS + WAVE + 4 };
  tops.curves = tops.lanes + lanes * LANE + 8;
  tops.times = tops.curves + (now.tracks.length ? CURVES + 6 : -6);
  const height = tops.times + TIMES;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.height = height + "px";
  pen.scale(scale, scale);
  pen.font = "12px system-ui, sans-serif";
  EDGE = Math.min(width / 4, Math.max(34, ...now.lanes.map((name) => pen.measureText(name).width + 8)));
  drawTimes(shade);
  const seen = now.own.filter((piece) => piece.e > from && piece.s < to);
  drawWave(shade, seen);
  drawLabels(shade, seen);
  if (lanes) drawLanes(shade, seen);
  now.tracks.forEach((track, place) => drawTrack(shade, track, place));
  drawCursor();
};
const drawTimes = (shade) => {
  const most = Math.max(2, (width - EDGE) / 80);
  const step = STEPS.find((one) => (to - from) / one <= most) || 172800;
  pen.textAlign = "center";
  for (let number = Math.ceil(from / step); number * step <= to; number++) {
    const x = across(number * step), words = clock(number * step, step < 1 ? 1 : 0), half = pen.measureText(words).width / 2;
    pen.fillStyle = shade.line;
    pen.fillRect(x, tops.wave, 1, tops.times - tops.wave);
    pen.fillStyle = shade.soft;
    if (x - half >= 0 && x + half <= width) pen.fillText(words, x, tops.times + 13);
  }
};
const drawWave = (shade, seen) => {
  const middle = tops.wave + WAVE / 2, fill = new Array(Math.ceil(width)).fill(null);
  for (const piece of seen) {
    const left = Math.max(EDGE, across(piece.s)), right = Math.min(width, Math.max(across(piece.e), left + 2));
    pen.globalAlpha = 0.16;
    pen.fillStyle = colourOf(piece, shade);
    pen.fillRect(left, tops.wave, right - left, WAVE);
    pen.globalAlpha = 0.7;
    if (data.marked && right - left > 4) { pen.fillRect(left, tops.wave, 1, WAVE); pen.fillRect(right - 1, tops.wave, 1, WAVE); }
    pen.globalAlpha = 1;
    for (let x = Math.floor(left); x < right; x++) fill[x] = pen.fillStyle;
  }
  const perSecond = now.bytes.length / now.length;
  for (let x = Math.ceil(EDGE); x < width; x++) {
    const first = Math.floor(secondsAt(x) * perSecond), stop = Math.max(first + 1, Math.floor(secondsAt(x + 1) * perSecond));
    let peak = 0;
    for (let place = first; place < stop && place < now.bytes.length; place++) peak = Math.max(peak, now.bytes[place]);
    const half = Math.max(0.5, (peak / 255) * (WAVE / 2 - 2));
    pen.fillStyle = fill[x] || shade.wave;
    pen.fillRect(x, middle - half, 1, 2 * half);
  }
};
const drawLabels = (shade, seen) => {
  const taken = [];
  pen.textAlign = "center";
  for (const piece of seen) {
    const words = data.marked ? piece.label : piece.k < 0 ? "" : data.kinds[piece.k].name;
    if (!words) continue;
    const half = pen.measureText(words).width / 2, left = Math.max(EDGE, across(piece.s)), right = Math.min(width, across(piece.e));
    const x = Math.min(width - half - 1, Math.max(half + 1, (left + right) / 2));
    if (!data.marked && right - left < 1.2 * half) continue;
    if (taken.some(([low, high]) => x + half > low - 6 && x - half < high + 6)) continue;
    taken.push([x - half, x + half]);
    pen.fillStyle = colourOf(piece, shade);
    pen.fillText(words, x, LABELS - 5);
  }
  stage.dataset.labels = JSON.stringify(taken.map((ends) => ends.map(Math.round)));
};
const drawLanes = (shade, seen) => {
  now.lanes.forEach((name, lane) => {
    const top = tops.lanes + lane * LANE;
    pen.fillStyle = shade.line;
    pen.fillRect(EDGE, top + 5, width - EDGE, 1);
    for (const piece of seen) {
      if (piece.l !== lane) continue;
      const left = Math.max(EDGE, across(piece.s));
      pen.fillStyle = colourOf(piece, shade);
      pen.fillRect(left, top + 1, Math.max(2, across(piece.e) - left), LANE - 4);
    }
    pen.textAlign = "left";
    pen.fillStyle = shade.soft;
    pen.fillText(name, 4, top + 10, EDGE - 6);
  });
};
const drawTrack = (shade, track, place) => {
  const down = (score) => tops.curves + CURVES - (CURVES * (score - track.low)) / (track.high - track.low);
  if (place === 0 && now.tracks.every((other) => other.low === track.low && other.high === track.high)) {
    const span = track.high - track.low, step = [1, 2, 3, 5, 10].map((one) => one * 10 ** Math.floor(Math.log10(span / 4)))
      .find((one) => span / one <= 4.01);
    pen.textAlign = "right";
    for (let number = Math.ceil(track.low / step - 1e-6); number * step <= track.high + 1e-6 * step; number++) {
      const score = number * step;
      pen.fillStyle = shade.line;
      pen.fillRect(EDGE, Math.round(down(score)), width - EDGE, 1);
      pen.fillStyle = shade.soft;
      pen.fillText(String(+score.toPrecision(3)), EDGE - 5, down(score) + 4);
    }
  }
  pen.save();
  pen.beginPath();
  pen.rect(EDGE, tops.curves - 2, width - EDGE, CURVES + 4);
  pen.clip();
  pen.strokeStyle = data.tracks[place % data.tracks.length];
  pen.lineWidth = 1.8;
  pen.beginPath();
  let isDown = false;
  for (const [seconds, score] of track.points) {
    if (score === null) { isDown = false; continue; }
    if (isDown) pen.lineTo(across(seconds), down(score));
    else { pen.moveTo(across(seconds) - 0.7, down(score)); pen.lineTo(across(seconds) + 0.7, down(score)); }
    isDown = true;
  }
  pen.stroke();
  if (track.level !== null) {
    pen.setLineDash([4, 4]);
    pen.lineWidth = 1;
    pen.strokeStyle = shade.soft;
    pen.stroke(new Path2D(`M${EDGE} ${down(track.level)}H${width}`));
  }
  pen.restore();
};
let waiting = 0;
const redraw = () => { waiting = waiting || requestAnimationFrame(() => { waiting = 0; draw(); }); };

// ---- time: where the cursor is, and what is there ----------------------------------------------------------------
const audio = new Audio();
const play = at("play"), words = at("now"), shownTime = at("time");
let clip = null, here = null, isPlaying = false;
const drawCursor = () => {
  const x = across(time);
  cursor.style.transform = `translateX(${x}px)`;
  cursor.hidden = x < EDGE - 1 || x > width + 1;
};
const describe = (piece) => {
  const said = heads.map((head, place) => [head, piece.row.cells[place].textContent]);
  return said.filter(([head, cell]) => cell && ["text", "number"].includes(head.dataset.kind))
    .map(([head, cell]) => (head.dataset.kind === "text" ? cell : `${head.textContent} ${cell}`)).join(" · ");
};
const mark = (piece) => {
  if (here && here.row) here.row.classList.remove("here");
  here = piece;
  if (here && here.row) here.row.classList.add("here");
};
const showTime = () => {
  shownTime.textContent = `${clock(time, 1)} / ${now.clock}`;
  stage.setAttribute("aria-valuenow", time.toFixed(2));
  stage.setAttribute("aria-valuetext", clock(time));
  const piece = here && here.r === recordings.indexOf(now) && here.s <= time && here.e > time ? here : pieceAt(now, time);
  if (piece !== here || !words.textContent) {
    mark(piece);
    words.textContent = !clipAt(time) ? soundless() : here && here.row ? describe(here) : "";
    if (isPlaying) comeIntoView();
  }
  if (isPlaying && (time > to || time < from)) { const span = to - from; show(time - 0.05 * span, span); }
  drawCursor();
};
const comeIntoView = () => {
  if (!here || !here.row) return;
  const box = here.row.getBoundingClientRect(), covered = at("viewer").getBoundingClientRect().bottom;
  if (box.top < covered) window.scrollBy(0, box.top - covered - 8);
  else if (box.bottom > window.innerHeight) window.scrollBy(0, box.bottom - window.innerHeight + 8);
};
const soundless = () => (now.clips.length ? "no sound here: this page has that of the moments" : "this page has no sound of this recording");
const clipAt = (seconds) => now.clips.find(([start, end]) => seconds >= start - 0.01 && seconds <= end + 0.01) || null;
const load = (wanted) => {
  if (wanted === clip) return;
  clip = wanted;
  if (!clip) { audio.removeAttribute("src"); return; }
  if (!now.urls.has(clip)) now.urls.set(clip, URL.createObjectURL(new Blob([bytesOf(clip[2])], { type: "audio/ogg" })));
  audio.src = now.urls.get(clip);
};
const seek = (seconds) => {
  time = Math.min(now.length, Math.max(0, seconds));
  const wanted = clipAt(time);
  load(wanted);
  if (wanted) audio.currentTime = Math.max(0, time - wanted[0]);
  else audio.pause();
  play.disabled = !wanted;
  words.textContent = "";
  showTime();
};
const start = () => {
  if (clip && time >= Math.min(now.length, clip[1]) - 0.05) seek(clip[0]);
  if (clip) audio.play().catch((error) => { if (error.name !== "AbortError") words.textContent = "this browser cannot play Ogg Opus"; });
};
const setPlaying = (value) => {
  isPlaying = value;
  play.textContent = value ? "❚❚" : "▶";
  play.setAttribute("aria-label", value ? "Pause" : "Play");
  if (value) requestAnimationFrame(tick);
};
const tick = () => {
  if (clip && isPlaying) { time = Math.min(now.length, clip[0] + audio.currentTime); showTime(); requestAnimationFrame(tick); }
};
audio.addEventListener("play", () => setPlaying(true));
audio.addEventListener("pause", () => setPlaying(false));
audio.addEventListener("ended", () => { setPlaying(false); time = clip ? Math.min(now.length, clip[1]) : time; showTime(); });
play.addEventListener("click", () => (isPlaying ? audio.pause() : start()));

// ---- what part is seen ---------------------------------------------------------------------------------------------
const show = (first, span) => {
  const seen = Math.min(now.length, Math.max(Math.min(1, now.length), span));
  from = Math.min(now.length - seen, Math.max(0, first));
  to = from + seen;
  redraw();
};
const zoom = (factor, around = time) => show(around - (around - from) * factor, (to - from) * factor);
const select = (number) => {
  if (recordings[number] === now) return;
  audio.pause();
  now = recordings[number];
  clip = null;
  stage.setAttribute("aria-valuemax", now.length);
  if (at("recording")) at("recording").selectedIndex = number;
  from = 0;
  to = now.length;
  draw();
};
at("in").addEventListener("click", () => zoom(0.5));
at("out").addEventListener("click", () => zoom(2));
if (at("recording")) at("recording").addEventListener("change", (event) => { select(event.target.selectedIndex); seek(0); });
const goTo = (piece, plays) => {
  select(piece.r);
  if (piece.s < from || piece.s > to) show(piece.s - 0.1 * (to - from), to - from);
  seek(piece.s);
  if (here !== piece) { mark(piece); words.textContent = ""; showTime(); }
  comeIntoView();
  if (plays) start();
};
const byRow = new Map(pieces.filter((piece) => piece.row).map((piece) => [piece.row, piece]));
if (table) table.tBodies[0].addEventListener("click", (event) => {
  const piece = byRow.get(event.target.closest("tr"));
  if (piece && !String(window.getSelection())) goTo(piece, true);
});

// ---- pointer ---------------------------------------------------------------------------------------------------------
const placeOf = (event) => { const box = stage.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
const showTip = (x, y) => {
  const lane = now.lanes.length && y >= tops.lanes ? Math.floor((y - tops.lanes) / LANE) : undefined;
  const piece = x < EDGE ? null : pieceAt(now, secondsAt(x), lane !== undefined && lane < now.lanes.length ? lane : undefined);
  tip.hidden = !piece || !piece.row;
  if (tip.hidden) return;
  const title = document.createElement("b");
  title.textContent = `${clock(piece.s, 1)} – ${clock(piece.e, 1)}${data.marked || piece.k < 0 ? "" : " " + data.kinds[piece.k].name}`;
  const lines = [title];
  heads.forEach((head, place) => {
    const cell = piece.row.cells[place].textContent, kind = head.dataset.kind;
    if (!cell || (kind !== "number" && kind !== "probability")) return;
    const line = document.createElement("div"), name = document.createElement("span"), number = document.createElement("em");
    name.textContent = head.textContent;
    number.textContent = cell;
    line.append(name);
    if (kind === "probability") {
      const bar = document.createElement("i");
      bar.style.width = `${Math.max(0, Math.min(1, parseFloat(cell) || 0)) * 5}rem`;
      const known = data.kinds.find((one) => one.name === head.textContent);
      if (known) bar.style.background = known.colour;
      line.append(bar);
    }
    line.append(number);
    lines.push(line);
  });
  tip.replaceChildren(...lines);
  tip.style.left = `${Math.max(0, Math.min(width - tip.offsetWidth, x > width / 2 ? x - tip.offsetWidth - 14 : x + 14))}px`;
};
stage.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  stage.setPointerCapture(event.pointerId);
  seek(secondsAt(placeOf(event)[0]));
});
stage.addEventListener("pointermove", (event) => {
  const [x, y] = placeOf(event);
  if (event.buttons & 1) seek(secondsAt(x));
  showTip(x, y);
});
stage.addEventListener("pointerleave", () => { tip.hidden = true; });
stage.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  zoom(event.deltaY > 0 ? 1.25 : 0.8, secondsAt(placeOf(event)[0]));
}, { passive: false });

// ---- keyboard --------------------------------------------------------------------------------------------------------
const step = (way) => {
  const listed = table ? [...table.tBodies[0].rows].map((row) => byRow.get(row)).filter(Boolean) : [];
  if (!listed.length) return;
  const place = listed.indexOf(here);
  goTo(listed[Math.max(0, Math.min(listed.length - 1, place < 0 ? 0 : place + way))], isPlaying);
};
const move = (seconds) => {
  seek(time + seconds);
  if (time < from || time > to) show(time - (to - from) / 2, to - from);
};
const KEYS = {
  " ": () => (isPlaying ? audio.pause() : start()),
  ArrowLeft: () => move(-2), ArrowRight: () => move(2), ArrowUp: () => step(-1), ArrowDown: () => step(1),
  Home: () => move(-Infinity), End: () => move(Infinity), "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2),
};
document.addEventListener("keydown", (event) => {
  const key = KEYS[event.key], place = event.target.closest("button, select, a");
  if (!key || event.ctrlKey || event.metaKey || event.altKey) return;
  if (place && (place.tagName === "SELECT" || event.key === " ")) return;
  event.preventDefault();
  key();
});

new ResizeObserver(redraw).observe(stage);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
stage.setAttribute("aria-valuemax", now.length);
draw();
seek(0);
})();
