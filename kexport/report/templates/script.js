"use strict";
for (const legend of document.querySelectorAll("[data-plot]")) {
  const plot = document.getElementById(legend.dataset.plot);
  legend.addEventListener("change", (event) => {
    const line = plot.querySelector(`[data-line="${event.target.value}"]`);
    line.classList.toggle("off", !event.target.checked);
  });
}

for (const figure of document.querySelectorAll(".graph")) {
  const svg = figure.querySelector("svg[viewBox][tabindex]");
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const least = 120;
  const view = { x: 0, y: 0, w: width, h: height };
  const pointers = new Map();

  const show = () => svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);

  const whole = () => {
    Object.assign(view, { x: 0, y: 0, w: width, h: height });
    show();
  };

  // The first look: readable, from the top, in the middle.
  const start = () => {
    const box = svg.getBoundingClientRect();
    const scale = Math.max(Math.min(1, box.width / width), 0.6);
    if (height * scale < box.height) svg.style.height = `${Math.ceil(height * scale) + 2}px`;
    const tall = Math.min(box.height, height * scale);
    Object.assign(view, { w: box.width / scale, h: tall / scale, y: 0 });
    const centred = view.w < width ? Number(figure.dataset.start) : width / 2;
    view.x = centred - view.w / 2;
    show();
  };

  const toGraph = (x, y) => {
    const matrix = svg.getScreenCTM();
    return { x: (x - matrix.e) / matrix.a, y: (y - matrix.f) / matrix.d };
  };

  const zoom = (factor, at) => {
    const limit = Math.max(width, height, least) * 4;
    const bound = Math.min(Math.max(view.w * factor, least), limit) / view.w;
    view.x = at.x - (at.x - view.x) * bound;
    view.y = at.y - (at.y - view.y) * bound;
    view.w *= bound;
    view.h *= bound;
    show();
  };

  const middle = () => ({ x: view.x + view.w / 2, y: view.y + view.h / 2 });

  const actions = { in: () => zoom(0.75, middle()), out: () => zoom(4 / 3, middle()), fit: whole };
  for (const button of figure.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", actions[button.dataset.zoom]);
  }
  for (const radio of figure.querySelectorAll("input[type=radio]")) {
    radio.addEventListener("change", () => { figure.dataset.paint = radio.value; });
  }

  svg.addEventListener("wheel", (event) => {
    if (document.activeElement !== svg && !event.ctrlKey) return;
    event.preventDefault();
    zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 250), toGraph(event.clientX, event.clientY));
  }, { passive: false });

  svg.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch" && document.activeElement !== svg) return;
    svg.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    svg.classList.add("moving");
  });

  svg.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    const before = [...pointers.values()];
    const [x, y] = pointers.get(event.pointerId);
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (before.length === 2) {
      const after = [...pointers.values()];
      const spread = (points) => Math.hypot(points[0][0] - points[1][0], points[0][1] - points[1][1]) || 1;
      const centre = toGraph((after[0][0] + after[1][0]) / 2, (after[0][1] + after[1][1]) / 2);
      zoom(spread(before) / spread(after), centre);
    } else {
      const scale = svg.getScreenCTM().a;
      view.x -= (event.clientX - x) / scale;
      view.y -= (event.clientY - y) / scale;
      show();
    }
  });

  const release = (event) => {
    pointers.delete(event.pointerId);
    if (!pointers.size) svg.classList.remove("moving");
  };
  svg.addEventListener("pointerup", release);
  svg.addEventListener("pointercancel", release);

  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const action = { "+": actions.in, "=": actions.in, "-": actions.out, 0: actions.fit }[event.key];
    if (step) {
      view.x += step[0] * view.w / 10;
      view.y += step[1] * view.h / 10;
      show();
    } else if (action && !event.ctrlKey && !event.metaKey) {
      action();
    } else {
      return;
    }
    event.preventDefault();
  });

  start();
}
