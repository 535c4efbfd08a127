"use strict";
// The page of the web chat. The token of the sitting lives in this tab's sessionStorage and nowhere else.
(() => {
  const $ = (id) => document.getElementById(id);
  const page = $("chat"), log = $("log"), scroll = $("scroll"), box = $("word"), words = page.dataset;
  const IDLE = Number(words.idle) * 1000, WARN = Math.min(60000, IDLE / 3);
  const POLL = 3000, SILENCE = 40000, OPENING = 10000, LONGEST = 30000, POLLS = 20;

  let token = remembered();
  let after = 0;        // the last change that is shown
  let whose = "";       // … and whose lines they are: when somebody is erased, the sitting goes on as somebody new
  let round = 0;        // another sitting, another round: what an earlier one still brings is not shown
  let actedAt = Date.now();
  let presses = [];     // bubbles of presses; shown only if the hub answers with a new message
  let stream = null;    // the AbortController of the open stream
  let heardAt = 0;
  let spoken = document.documentElement.lang; // by the page around the conversation
  let wake = () => {};
  let hurry = () => {};

  // ── Memory ──

  function remembered() {
    try { return sessionStorage.getItem("sitting") || ""; } catch { return ""; }
  }

  function remember(value) {
    token = value;
    try { value ? sessionStorage.setItem("sitting", value) : sessionStorage.clear(); } catch { /* this page only, then */ }
  }

  function nonce() {
    return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  // ── The wire ──

  function call(path, body, more) {
    const headers = token ? { Authorization: "Bearer " + token } : {};
    const options = { headers, cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer", ...more };
    if (body !== undefined) {
      options.method = "POST";
      options.body = JSON.stringify(body);
      headers["Content-Type"] = "application/json";
    }
    return fetch("/chat/" + path, options);
  }

  // Resolves to the answer, or null when it is not worth looking at: the sitting is over, or there was no answer.
  async function act(path, body) {
    const mine = round;
    actedAt = Date.now();
    let answer = null;
    try { answer = await call(path, body); } catch { return null; }
    if (mine !== round) return null;
    if (answer.status === 401) { over(); return null; }
    return answer;
  }

  function pause(milliseconds) {
    return new Promise((done) => {
      const timer = setTimeout(done, milliseconds);
      wake = () => { clearTimeout(timer); done(); };
    });
  }

  async function listen() {
    const mine = ++round;
    let failures = 0, polls = 0, wait = 1000;
    const well = () => { banner(""); wait = 1000; };
    while (mine === round && token) {
      const polling = failures >= 2;
      try {
        if (polling) {
          await poll(mine);
          well();
          if (++polls % POLLS === 0) failures = 1; // perhaps a stream comes through again
          await next();
        } else {
          await read(mine, () => { well(); failures = 0; });
          throw new Error("the stream ended");
        }
      } catch {
        if (mine !== round) return;
        if (!polling) failures += 1;
        if (polling || failures < 2) {
          banner(words.lost);
          await pause(wait + Math.random() * 500);
          wait = Math.min(wait * 2, LONGEST);
        }
      }
    }
  }

  // The pause between two polls ends at once when the person acts.
  function next() {
    return new Promise((done) => {
      const timer = setTimeout(done, POLL);
      hurry = () => { clearTimeout(timer); done(); };
    });
  }

  async function poll(mine) {
    const answer = await call(since("lines"));
    if (mine !== round) return;
    if (answer.status === 401) return over();
    if (!answer.ok) throw new Error(answer.status);
    const found = await answer.json();
    if (mine === round) { belong(found.whose); render(found.lines); }
  }

  async function read(mine, well) {
    const control = stream = new AbortController();
    let timer = setTimeout(() => control.abort(), OPENING);
    try {
      const answer = await call(since("stream"), undefined, { signal: control.signal });
      if (mine !== round) return;
      if (answer.status === 401) return over();
      if (!answer.ok || !answer.body) throw new Error(answer.status);
      const reader = answer.body.getReader(), decoder = new TextDecoder();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done || mine !== round) return;
        heardAt = Date.now();
        clearTimeout(timer);
        timer = setTimeout(() => control.abort(), SILENCE);
        const events = (text + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/);
        text = events.pop();
        for (const event of events) heard(event, well);
      }
    } finally {
      clearTimeout(timer);
      control.abort();
    }
  }

  function heard(event, well) {
    const field = (name) => event.split(/\r?\n/).filter((line) => line.startsWith(name + ":")).map((line) => line.slice(name.length + 1).trim()).join("\n");
    if (field("event") === "lines") { well(); belong(field("id")); render(JSON.parse(field("data"))); }
    if (field("event") === "ended") over();
  }

  // ── Lines ──

  function since(path) {
    return path + "?after=" + after + "&whose=" + whose;
  }

  function belong(theirs) {
    if (whose && theirs !== whose) empty();
    whose = theirs;
  }

  function empty() {
    after = 0;
    whose = "";
    presses = [];
    log.replaceChildren();
    waiting(false);
  }

  function render(lines) {
    const near = atEnd();
    let newest = null;
    for (const line of lines) {
      if (line.change <= after) continue;
      after = line.change;
      if (line.removes) { vanish(line.removes); continue; }
      const fresh = document.createElement("template");
      fresh.innerHTML = line.html.trim();
      newest = place(line, fresh.content.firstElementChild) || newest;
    }
    speak(page.lang);
    if (!newest) return;
    if (near || newest.classList.contains("theirs")) lead(newest);
    else $("newest").hidden = false;
  }

  // A picture has no size before it is here.
  function lead(item) {
    show(item);
    for (const picture of item.querySelectorAll("img")) {
      picture.addEventListener("load", () => { if (item === log.lastElementChild) show(item); }, { once: true });
    }
  }

  // The person wants these gone from the screen, and with them whatever the page itself said.
  function vanish(lines) {
    const gone = new Set(lines.map((line) => "line-" + line));
    presses = presses.filter((press) => !gone.has(press.item.id));
    for (const item of [...log.children]) if (gone.has(item.id) || item.classList.contains("told")) item.remove();
    waiting(false);
    if (document.activeElement === document.body) box.focus({ preventScroll: true });
  }

  // Puts a line where it belongs; returns it if it is a new one at the end.
  function place(line, item) {
    const before = $(item.id);
    if (line.ours) { waiting(false); release(); turn(line); }
    if (before) { // edited in place, and that shows what was chosen
      presses = presses.filter((press) => press.on !== String(line.id));
      morph(before, item);
      return null;
    }
    if (line.on) { presses.push({ on: line.on, item }); return null; }
    if (line.said) { const draft = log.querySelector(`[data-draft="${CSS.escape(line.said)}"]`); if (draft) draft.remove(); }
    for (const press of presses) log.append(press.item);
    presses = [];
    if (line.ours) for (const earlier of log.querySelectorAll(".ours:not(.past)")) earlier.classList.add("past");
    log.append(item);
    return item;
  }

  // Same elements, new words: the focus stays where it was, and a screen reader hears only what changed. Where all of it is
  // new, the person is led to its beginning.
  function morph(old, fresh) {
    const held = old.contains(document.activeElement);
    const bubble = old.querySelector(".bubble"), words = fresh.querySelector(".bubble").innerHTML;
    const group = old.querySelector(".choices"), new_group = fresh.querySelector(".choices");
    const buttons = group ? [...group.children] : [], new_buttons = new_group ? [...new_group.children] : [];
    const alike = new_buttons.filter((button, place) => buttons[place] && label(buttons[place]) === label(button)).length;
    const another = bubble.innerHTML !== words && alike * 2 <= new_buttons.length;
    for (const name of ["lang", "dir"]) if (fresh.hasAttribute(name)) old.setAttribute(name, fresh.getAttribute(name));
    if (bubble.innerHTML !== words) bubble.innerHTML = words;
    new_buttons.forEach((button, place) => {
      const known = buttons[place];
      if (!known) return group && group.append(button);
      if (known.textContent !== button.textContent) known.textContent = button.textContent;
      known.className = button.className;
      known.dataset.say = button.dataset.say;
    });
    buttons.slice(new_buttons.length).forEach((button) => button.remove());
    if (!group && new_group) old.append(new_group);
    if (group && !new_group) group.remove();
    if (another && old === log.lastElementChild) show(old);
    if (held && (another || !old.contains(document.activeElement))) {
      old.tabIndex = -1;
      old.focus({ preventScroll: true });
    }
  }

  function label(button) { // without its tick
    return button.textContent.replace(/^[^\p{L}\p{N}]+/u, "").trim() || button.textContent;
  }

  function turn(line) {
    page.dir = line.dir;
    page.lang = line.lang;
  }

  // What stands around the conversation is in its language too, whatever the browser asked for.
  async function speak(lang) {
    if (lang === spoken || !words.speaks.split(" ").includes(lang)) return;
    spoken = lang;
    let fresh = null;
    try {
      const answer = await fetch("/?language=" + lang, { cache: "no-store", credentials: "omit" });
      if (answer.ok) fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch { /* no connection: at the next line */ }
    if (lang !== spoken) return;
    if (!fresh) { spoken = ""; return; }
    for (const name of ["lang", "dir"]) document.documentElement[name] = fresh.documentElement[name];
    translate(document.body, fresh.body);
  }

  // The same page in another language: its words are taken over, and nothing else.
  function translate(old, fresh) {
    if (!fresh || old.matches("noscript, #log, #banner, .digits, .fault")) return;
    for (const { name, value } of fresh.attributes) if (/^(lang|dir|placeholder|aria-label|data-.*)$/.test(name)) old.setAttribute(name, value);
    const theirs = [...fresh.childNodes];
    [...old.childNodes].forEach((node, place) => {
      if (node.nodeType === Node.TEXT_NODE && theirs[place]) node.data = theirs[place].data;
      if (node.nodeType === Node.ELEMENT_NODE) translate(node, theirs[place]);
    });
  }

  function atEnd() {
    return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 120;
  }

  // The end of what is new, or its beginning where it is longer than the screen.
  function show(item) {
    $("newest").hidden = true;
    if (item && item.offsetHeight > scroll.clientHeight) item.scrollIntoView({ block: "start" });
    else scroll.scrollTop = scroll.scrollHeight;
  }

  function tell(sentence) {
    const item = document.createElement("li");
    item.className = "told";
    item.textContent = sentence;
    log.append(item);
    show(null);
  }

  function banner(sentence) {
    if ($("banner").textContent !== sentence) $("banner").textContent = sentence;
    $("banner").hidden = !sentence;
  }

  let patience = 0;
  function waiting(on) {
    clearTimeout(patience);
    $("typing").classList.toggle("on", on);
    if (on) patience = setTimeout(() => { waiting(false); release(); }, 12000);
  }

  function release() {
    for (const button of log.querySelectorAll('[aria-busy="true"]')) button.removeAttribute("aria-busy");
  }

  // ── What the person does ──

  async function say(text, id) {
    const draft = document.createElement("li");
    draft.className = "line theirs sending";
    draft.dataset.draft = id;
    const bubble = document.createElement("div"), who = document.createElement("span");
    bubble.className = "bubble";
    who.className = "unseen";
    who.textContent = words.you + " ";
    bubble.append(who, text);
    draft.append(bubble);
    log.append(draft);
    show(draft);
    const answer = await act("say", { text, id });
    hurry();
    if (answer && answer.ok) return waiting(true);
    if (token && draft.isConnected) unsent(draft, answer && answer.status === 429 ? words.fast : words.unsent, () => say(text, id));
  }

  function unsent(draft, sentence, again) {
    draft.classList.remove("sending");
    const row = document.createElement("div"), button = document.createElement("button");
    row.className = "unsent";
    row.setAttribute("role", "alert");
    button.type = "button";
    button.textContent = words.again;
    button.addEventListener("click", () => { draft.remove(); again(); box.focus(); });
    row.append(sentence, button);
    draft.append(row);
    show(draft);
  }

  async function press(button) {
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    const on = button.closest("[data-line]").dataset.line;
    const answer = await act("press", { say: button.dataset.say, on, label: button.textContent.trim(), id: nonce() });
    hurry();
    if (answer && answer.ok) return waiting(true);
    button.removeAttribute("aria-busy");
    if (token) tell(answer && answer.status === 429 ? words.fast : words.failed);
  }

  function submit(event) {
    event.preventDefault();
    const text = box.value.trim();
    if (!text || !token) return;
    box.value = "";
    grow();
    say(text, nonce());
  }

  function grow() {
    box.style.blockSize = "auto";
    box.style.blockSize = Math.min(box.scrollHeight + 3, 144) + "px";
  }

  // ── Beginning and end ──

  function clear() {
    round += 1;
    if (stream) stream.abort();
    empty();
    banner("");
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  }

  async function begin() {
    clear();
    const mine = round;
    $("over").hidden = true;
    page.hidden = false;
    $("deeds").hidden = $("keep").hidden = false;
    waiting(true);
    const start = new URLSearchParams(location.search).get("start") || "";
    if (location.search) history.replaceState(null, "", location.pathname);
    for (let wait = 1000; !token && mine === round; wait = Math.min(wait * 2, LONGEST)) {
      let answer = null;
      try { answer = await call("sit", { start }); } catch { /* no connection: told below */ }
      if (mine !== round) return;
      if (answer && answer.ok) {
        remember((await answer.json()).token);
      } else {
        const crowded = answer && answer.status === 429;
        banner(crowded ? words.crowded : words.lost);
        await pause(crowded ? 60000 : wait);
      }
    }
    actedAt = Date.now();
    if (mine === round) listen();
  }

  function over() {
    remember("");
    clear();
    box.value = "";
    page.hidden = true;
    $("keep").hidden = true;
    $("over").hidden = false;
    $("over").focus();
  }

  // At once and with nothing left: not on the screen, not in the tab, not in its history.
  function leave() {
    const mine = token;
    clear();
    remember("");
    if (mine) fetch("/chat/end", { method: "POST", headers: { Authorization: "Bearer " + mine }, keepalive: true }).catch(() => {});
    document.title = "\u200b";
    document.body.replaceChildren();
    location.replace("/blank");
  }

  async function receipt() {
    const button = $("number");
    button.disabled = true;
    const answer = await act("receipt", {});
    button.disabled = false;
    if (!answer || !answer.ok) return fault("place", answer && answer.status === 429 ? words.tried : words.failed);
    $("digits").textContent = (await answer.json()).receipt;
    $("offer").hidden = true;
    $("given").hidden = false;
    $("digits").focus();
  }

  async function comeBack(event) {
    event.preventDefault();
    const field = $("receipt"), button = event.submitter || $("return").querySelector(".main");
    button.disabled = true;
    let answer = null;
    try { answer = await call("return", { receipt: field.value }); } catch { /* no connection: told below */ }
    button.disabled = false;
    if (!answer || !answer.ok) {
      const status = answer && answer.status;
      fault("back", status === 404 ? words.unknown : status === 429 ? words.tried : words.failed);
      return field.focus();
    }
    const fresh = (await answer.json()).token;
    field.value = "";
    remember(fresh);
    await begin();
    tell(words.back);
    box.focus();
  }

  function fault(dialog, sentence) {
    const line = $(dialog).querySelector(".fault");
    line.textContent = sentence;
    line.hidden = !sentence;
  }

  function open(name) {
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    fault("place", "");
    fault("back", "");
    $(name).showModal();
  }

  function hideNumber() {
    $("digits").textContent = "";
    $("offer").hidden = false;
    $("given").hidden = true;
  }

  function watch() {
    const left = IDLE - (Date.now() - actedAt);
    if (token && left < WARN && left > 0 && !$("still").open) open("still");
    if (token && left <= 0 && $("still").open) $("still").close();
  }

  function refresh() { // a phone that slept holds a stream that brings nothing any more
    if (document.hidden) return;
    wake();
    hurry();
    if (stream && Date.now() - heardAt > 20000) stream.abort();
  }

  log.addEventListener("click", (event) => { const button = event.target.closest(".choice"); if (button) press(button); });
  $("composer").addEventListener("submit", submit);
  box.addEventListener("input", grow);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
  });
  scroll.addEventListener("scroll", () => { if (atEnd()) $("newest").hidden = true; }, { passive: true });
  $("newest").addEventListener("click", () => { show(log.lastElementChild); scroll.focus(); });
  $("keep").addEventListener("click", () => open("place"));
  $("leave").addEventListener("click", leave);
  $("number").addEventListener("click", receipt);
  $("place").addEventListener("close", hideNumber);
  $("back").addEventListener("close", () => { $("receipt").value = ""; });
  $("return").addEventListener("submit", comeBack);
  $("anew").addEventListener("click", () => begin().then(() => box.focus()));
  $("stay").addEventListener("click", () => { act("stay", {}); $("still").close(); });
  for (const button of document.querySelectorAll("[data-open]")) button.addEventListener("click", () => open(button.dataset.open));
  for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close());
  for (const button of document.querySelectorAll("[data-leave]")) button.addEventListener("click", leave);
  document.addEventListener("visibilitychange", refresh);
  window.addEventListener("online", refresh);
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  setInterval(watch, Math.min(5000, WARN / 2));

  begin();
})();
