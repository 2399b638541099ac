// What a browser has made of the page, written into the document for whoever reads it.
const boxes = (selector) => [...document.querySelectorAll(selector)].map((part) => part.getBoundingClientRect());
const inside = (box, frame) => box.left >= frame.left - 1 && box.right <= frame.right + 1 && box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
const charts = [...document.querySelectorAll("svg.whmeter-chart")].map((chart) => {
  const frame = chart.getBoundingClientRect();
  const parts = [...chart.querySelectorAll("rect, text")].map((part) => part.getBoundingClientRect());
  const columns = [...chart.querySelectorAll("rect")].map((part) => part.getBoundingClientRect());
  const labels = [...chart.querySelectorAll(".whmeter-label")].map((part) => part.getBoundingClientRect());
  const overlap = labels.some((box, at) => at > 0 && box.left < labels[at - 1].right);
  return {
    columns: columns.length,
    inside: parts.every((box) => inside(box, frame)),
    overlap,
    grows: columns.length > 1 && columns.at(-1).height > columns[0].height,
    letters: Math.min(...[...chart.querySelectorAll("text")].map((part) => part.getBoundingClientRect().height)),
    width: Math.round(frame.width),
  };
});
const heading = document.querySelector(".whmeter h3");
const range = document.createRange();
range.selectNodeContents(heading);
const measured = {
  charts,
  bar: boxes(".whmeter-bar > div")[0].width / boxes(".whmeter-bar")[0].width,
  direction: getComputedStyle(document.querySelector(".whmeter")).direction,
  headingAtRight: range.getBoundingClientRect().left > window.innerWidth / 2 - 100,
  wide: document.documentElement.scrollWidth > window.innerWidth,
  buttons: document.querySelectorAll("button").length,
};
const told = document.createElement("pre");
told.id = "measured";
told.hidden = true;
told.textContent = JSON.stringify(measured);
document.body.append(told);
