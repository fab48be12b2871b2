// Masks of all painted frames go to vostool, which writes them and then ends.

import { encodeMask } from "./png.js";

export async function save(page) {
  page.endStroke();
  const painted = page.frames.painted(), button = document.getElementById("save");
  if (!painted.length) return page.say("Nothing is painted yet.", true);
  button.disabled = true;
  page.say("Saving …");
  try {
    const told = [];
    for (const index of painted) told.push(await send(page, index));
    page.saved = true;
    const text = `Saved ${told.join("; ")}.`;
    if (page.video.keepOpen) page.say(text);
    else await finish(page, `${text} You can close this page; the next command stands in the terminal.`);
  } catch (error) {
    page.say(`Not saved: ${error.message}`, true);
  } finally {
    button.disabled = page.over === true;
  }
}

async function send(page, index) {
  const mask = page.frames.masks.get(index);
  const body = await encodeMask(mask.ids, mask.width, mask.height, page.video.palette);
  return post(`masks/${index}.png`, body);
}

async function post(path, body) {
  const answer = await fetch(path, { method: "POST", body });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.text();
}

// End vostool's server.
export async function finish(page, text) {
  await post("done", null);
  page.over = true;
  for (const control of document.querySelectorAll("button, input")) control.disabled = true;
  page.say(text);
}
