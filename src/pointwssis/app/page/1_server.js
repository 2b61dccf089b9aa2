// Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
// The page of the labeling app, in files that are joined to one program. It draws what the server says and sends what the
// user does; all labels live on the server. `element` holds page.html, `server.act` carries out one action (actions.py).

const PALETTE = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"];
const DOT = 5; // radius of a point, in pixels of the screen
const GRAB = 9; // distance within which a point is grabbed
const DRAG = 4; // movement from which a press is a drag
const SLOW = 600; // milliseconds after which an action without an answer is shown as work
const PING = 30000; // milliseconds between signs of life

const root = element.querySelector(".pw");
const find = (name) => root.querySelector(".pw-" + name);
const state = {
  key: tabKey(), about: null, image: null, picture: null, objects: new Map(), pending: [], label: null,
  selected: null, erasing: false, view: { scale: 1, x: 0, y: 0 }, drag: null,
};
let queue = Promise.resolve(); // actions run one after the other

// ---- the server

function tabKey() {
  // A reload keeps the key, so that the work goes on; a new tab is a new user.
  let key = sessionStorage.getItem("pointwssis");
  if (!key) {
    key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16)).join("");
    sessionStorage.setItem("pointwssis", key);
  }
  return key;
}

function act(action, values = {}, aboutImage = true) {
  const image = aboutImage && state.image ? { image: state.image.name } : {};
  queue = queue.then(async () => {
    root.dataset.busy = action;
    const wait = setTimeout(() => { root.dataset.slow = action; }, SLOW);
    try {
      const answer = await server.act({ key: state.key, action, ...image, ...values });
      if (!answer || answer.detail) throw new Error(answer ? JSON.stringify(answer.detail) : "no answer");
      take(answer);
      return answer;
    } catch (error) {
      say("The server does not answer. Is it still running? The last action was not carried out.", true);
      console.error(error);
      return { error: "no answer" };
    } finally {
      clearTimeout(wait);
      delete root.dataset.busy;
      delete root.dataset.slow;
    }
  });
  return queue;
}

function take(answer) {
  if (answer.class_names) describe(answer);
  if (answer.image) show(answer);
  for (const item of answer.changed || []) put(item);
  for (const id of answer.removed || []) state.objects.delete(id);
  if (state.selected !== null && !state.objects.has(state.selected)) state.selected = null;
  if (answer.images !== undefined) progress(answer);
  if (answer.file) download(answer.file);
  if (answer.error) say(answer.error, true);
  else if (answer.message !== undefined) say(answer.message, false);
  else if (answer.changed || answer.image) say("", false);
  if (answer.image || answer.changed) list();
  if (!state.image) find("empty").textContent = "Drop an image here, paste one, or open it.";
  draw();
}

function say(text, isError) {
  const line = find("message");
  line.textContent = text;
  line.classList.toggle("pw-error", isError);
}

// ---- what the server says

function describe(about) {
  state.about = about;
  const classes = find("classes");
  classes.replaceChildren(...[null, ...about.class_names.slice(0, 9)].map((name, digit) => {
    const button = document.createElement("button");
    button.innerHTML = "<span></span> <kbd></kbd>";
    button.firstChild.textContent = name === null ? "model decides" : name;
    button.lastChild.textContent = digit;
    button.dataset.label = name === null ? "" : name;
    button.onclick = () => choose(name);
    return button;
  }));
  const more = find("more");
  more.hidden = about.class_names.length <= 9;
  const names = about.class_names.slice(9);
  more.replaceChildren(...["further classes", ...names].map((name, index) => new Option(name, index ? name : "")));
  const titles = { coco: "COCO", label_studio: "Label Studio", cvat: "CVAT", csv: "CSV of clicks" };
  find("format").replaceChildren(...about.formats.map((name) => new Option(titles[name] || name, name)));
  find("view").hidden = !about.has_refiner;
  find("reject").value = about.background_limit;
  find("reject").oninput();
  layout();
  mark();
}

function show(answer) {
  const isSame = state.image && state.image.name === answer.image.name;
  state.image = answer.image;
  state.objects = new Map();
  answer.objects.forEach(put);
  state.pending = [];
  state.selected = null;
  find("empty").hidden = true;
  root.dataset.size = `${state.image.width} ${state.image.height}`;
  if (!isSame) state.picture = state.drag = null; // nothing is drawn, clicked or dragged until the pixels are here
  const picture = new Image();
  picture.onload = () => {
    if (state.image !== answer.image) return; // another image was opened meanwhile
    state.picture = picture;
    if (!isSame) fit();
    draw();
    root.dataset.image = answer.image.name;
  };
  picture.src = answer.image.pixels;
  // The network runs while the user looks at the image; the first click waits for it.
  setTimeout(() => act("encode"), 0);
}

function put(item) {
  item.paths = { outlines: path(item.outlines), rough: path(item.rough) };
  state.objects.set(item.id, item);
}

function path(rings) {
  const path = new Path2D();
  for (const ring of rings) {
    path.moveTo(ring[0], ring[1]);
    for (let i = 2; i < ring.length; i += 2) path.lineTo(ring[i], ring[i + 1]);
    path.closePath();
  }
  return path;
}

function progress(answer) {
  state.index = answer.index;
  state.images = answer.images;
  const where = answer.index === undefined ? "no image" : `${answer.index + 1} / ${answer.images} · ${state.image.name}`;
  find("where").textContent = where;
  find("where").title = where;
  find("progress").value = answer.images ? answer.finished_images / answer.images : 0;
  find("count").textContent = `${answer.finished_images} of ${answer.images} finished`;
  find("finished").checked = !!answer.is_finished;
  find("back").disabled = !answer.index;
  find("forward").disabled = answer.index === undefined || answer.index + 1 >= answer.images;
}

function download(file) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([file.text], { type: "application/octet-stream" }));
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
