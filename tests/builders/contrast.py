"""How well text can be read: a script that finds the text of a page with the least contrast."""

WORST = """
const light = (colour) => {
  const parts = colour.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
};
const read = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
const over = ([r, g, b, a], below) => [r, g, b].map((part, place) => part * a + below[place] * (1 - a));
const behind = (element) => {
  const layers = [];
  for (let one = element; one; one = one.parentElement) layers.push(read(getComputedStyle(one).backgroundColor));
  return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
};
let worst = [21, ""];
const modal = document.querySelector("dialog[open]");
for (const element of (modal ?? document.body).querySelectorAll("*")) {
  const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  if (!own || !element.getClientRects().length || element.disabled || element.closest("option, .unseen")) continue;
  const back = behind(element), ink = over(read(getComputedStyle(element).color), back);
  const [high, low] = [light(back), light(ink)].sort((a, b) => b - a), ratio = (high + 0.05) / (low + 0.05);
  if (ratio < worst[0]) worst = [ratio, element.textContent.trim().slice(0, 60)];
}
return worst;
"""
"""Gives [ratio, text] by WCAG 2: luminance of text over all backgrounds below it; of the dialog where one is open."""
