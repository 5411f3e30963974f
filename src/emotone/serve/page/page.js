/** Elements of the page, and times as people read them. */

const MOST_LINES = 20;

export const at = (id) => document.getElementById(id);

/** An element with its words and properties. */
export const make = (tag, words = "", properties = {}) => {
  const element = Object.assign(document.createElement(tag), properties);
  if (words !== "") element.textContent = words;
  return element;
};

export const button = (words, press, properties = {}) => {
  const element = make("button", words, { type: "button", ...properties });
  element.addEventListener("click", press);
  return element;
};

/** Seconds as 1:15 or 1:00:00, with tenths where they are asked for. */
export const clock = (seconds, tenths = 0) => {
  const total = tenths ? Math.round(seconds * 10) / 10 : Math.floor(seconds);
  const hours = Math.floor(total / 3600), minutes = Math.floor(total / 60) % 60;
  const rest = (total % 60).toFixed(tenths).padStart(tenths ? 4 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
};

export const percent = (share) => `${Math.floor(100 * share)}%`;

/** A line that is shown where there is something to say. */
export const tell = (element, words) => {
  if (element.textContent !== words) element.textContent = words;
  element.hidden = !words;
};

/** What screen readers say, without a place on the screen: a line each, since one that is replaced at once is not read. */
export const say = (words) => {
  const lines = at("said");
  lines.append(make("p", words));
  while (lines.children.length > MOST_LINES) lines.firstChild.remove();
};
