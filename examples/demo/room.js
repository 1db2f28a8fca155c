// A room: the group `chat.<room>`, its messages on the page and its link in the list.
//
// What must stay true: a message of one id stands in the log once, whoever repeats it; text from others only ever becomes
// text nodes; and the log is bounded. The page is told of every change through `page.changed(room)`.

/** Messages that a room keeps in the document. More costs memory and a slower first paint of the room. */
const KEPT = 300;
/** Consecutive messages of one author within this many milliseconds stand under one name. */
const SAME_BREATH = 3 * 60_000;
/** How many pixels above its end a log still counts as being read along. */
const NEAR_END = 48;
/** The longest name that is shown beside a message, in characters. */
const LONGEST_NAME = 32;

const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export class Room {
  /** Messages that came while nobody was looking. */
  unread = 0;
  /** The joined group, or nothing. */
  group;
  /** Ends the join under way, if there is one. */
  joining;
  /** Whether the reader is at the end of the log. */
  atEnd = true;
  /** The items on show by message id. */
  #shown = new Map();
  /** Author and time of the last message. */
  #last = {};
  /** Since when the group is not heard, while it is so. */
  #lostAt;
  /** The join that was asked for, under way or done. */
  #joined;
  #page;
  #log;

  /** `page` has `client` and `nickname`, answers `isRead(room)` and is told `changed(room)`. */
  constructor(name, page) {
    this.name = name;
    this.#page = page;
    this.link = clone('room-template');
    this.panel = clone('log-template');
    this.#log = this.panel.querySelector('ol');
    this.#log.ariaLabel = `Messages in ${name}`;
    this.panel.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    const resized = new ResizeObserver(() => this.#resized());
    [this.panel, this.#log].forEach((part) => resized.observe(part));
  }

  get groupName() {
    return `chat.${this.name}`;
  }

  /** Joins the group, once however often it is asked for. Throws what the client throws; the room is then as it was. */
  join() {
    this.#joined ??= this.#join();
    return this.#joined;
  }

  async #join() {
    this.joining = new AbortController();
    this.#changed();
    try {
      this.group = await this.#page.client.join(this.groupName, { signal: this.joining.signal });
      this.group.on('chat.message', (message) => this.#receive(message));
      this.group.onState((change) => this.#membership(change));
    } catch (error) {
      this.#joined = undefined;
      throw error;
    } finally {
      this.joining = undefined;
      this.#changed();
    }
  }

  /** Leaves the group, or gives up joining it. What was said stays on show. */
  leave() {
    this.joining?.abort();
    this.group?.leave().catch(() => {}); // It is left on this side whatever the answer.
    this.#out();
  }

  /** Sends a text. It is on show from the start, with what became of it. */
  say(text) {
    const message = { type: 'chat.message', id: randomId(), from: this.#page.nickname, text };
    const item = this.#append(message, true);
    item.querySelector('.retry').addEventListener('click', () => this.#deliver(message, item));
    this.toEnd();
    this.#deliver(message, item);
  }

  /** Adds a line by the page itself. */
  note(text) {
    const item = clone('note-template');
    item.firstElementChild.textContent = text;
    this.#last = {};
    this.#add(item);
  }

  toEnd() {
    this.panel.scrollTop = this.panel.scrollHeight;
    this.read();
  }

  /** Marks everything as read, if it is. */
  read() {
    if (this.unread === 0 || !this.#page.isRead(this)) return;
    this.unread = 0;
    this.#changed();
  }

  /** Writes the room's state to its link and panel. */
  show(isCurrent) {
    const link = this.link.firstElementChild;
    const badge = link.querySelector('.unread');
    link.href = `#${encodeURIComponent(this.name)}`;
    link.querySelector('.name').textContent = this.name;
    link.classList.toggle('joined', this.group?.state === 'joined');
    link.ariaCurrent = isCurrent ? 'page' : null;
    badge.hidden = this.unread === 0;
    badge.firstElementChild.textContent = this.unread > 99 ? '99+' : String(this.unread);
    this.panel.hidden = !isCurrent;
    this.panel.classList.toggle('joining', this.joining !== undefined);
  }

  /** Joining again after an outage is the client's. What was said meanwhile is gone, so the outage is told. */
  #membership({ state, code, reason }) {
    if (state === 'joining') this.#lostAt ??= Date.now();
    if (state === 'joined' && this.#lostAt) {
      this.note(`Back after ${Math.max(1, Math.round((Date.now() - this.#lostAt) / 1000))} s away`);
      this.#lostAt = undefined;
    }
    // With the connection every group ends; the page tells of that, and joins again when it has a new one.
    if (state === 'discarded' && this.#page.client.state !== 'closed') {
      this.note(`Removed from the room: ${reason} (${code})`);
      this.#out();
    }
    this.#changed();
  }

  #out() {
    this.group = undefined;
    this.#joined = undefined;
    this.#lostAt = undefined;
    this.#changed();
  }

  async #deliver(message, item) {
    showDelivery(item, 'sending');
    try {
      await this.join();
      await this.group.send(message);
      showDelivery(item, 'sent');
    } catch (error) {
      // It may have arrived although the answer to it did not: then its echo has said so.
      if (item.dataset.delivery === 'sending') showDelivery(item, 'failed', error.message);
    }
  }

  #receive({ id, from, text }) {
    if (typeof text !== 'string') return;
    const known = this.#shown.get(id);
    if (known) return showDelivery(known, 'sent');
    const follow = this.atEnd && this.#page.isRead(this);
    this.#append({ id, from, text }, false);
    if (follow) return this.toEnd();
    this.unread += 1;
    this.#changed();
  }

  #append({ id, from, text }, own) {
    const author = (typeof from === 'string' && from.trim().slice(0, LONGEST_NAME)) || 'anonymous';
    const item = clone('message-template');
    fillMessage(item, author, text);
    item.classList.toggle('own', own);
    item.classList.toggle('follows', this.#follows(author, own));
    if (typeof id === 'string') this.#shown.set(id, item);
    this.#add(item);
    return item;
  }

  #follows(author, own) {
    const last = this.#last;
    const at = Date.now();
    this.#last = { author, own, at };
    return last.author === author && last.own === own && at - last.at < SAME_BREATH;
  }

  #add(item) {
    this.#log.append(item);
    while (this.#log.childElementCount > KEPT) this.#log.firstElementChild.remove();
    while (this.#shown.size > KEPT) this.#shown.delete(this.#shown.keys().next().value);
  }

  /** A longer log or a lower panel keeps a reader who is at the end there. */
  #resized() {
    if (this.atEnd && !this.panel.hidden) this.panel.scrollTop = this.panel.scrollHeight;
  }

  #scrolled() {
    if (this.panel.hidden) return;
    const { scrollTop, scrollHeight, clientHeight } = this.panel;
    const atEnd = scrollHeight - scrollTop - clientHeight < NEAR_END;
    if (atEnd) this.read();
    if (atEnd === this.atEnd) return;
    this.atEnd = atEnd;
    this.#changed();
  }

  #changed() {
    this.#page.changed(this);
  }
}

/** A copy of a template's one element. */
function clone(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

function fillMessage(item, author, text) {
  const now = new Date();
  const time = item.querySelector('time');
  item.querySelector('.from').textContent = author;
  item.querySelector('.text').textContent = text;
  time.dateTime = now.toISOString();
  time.textContent = TIME.format(now);
  showAvatar(item.querySelector('.avatar'), author);
}

/** How far an own message got: `sending`, `sent`, or `failed` for a reason. */
function showDelivery(item, delivery, reason = '') {
  item.dataset.delivery = delivery;
  item.querySelector('.reason').textContent = reason && `Not sent: ${reason}`;
}

/** An author's initial, in a colour that is the same wherever the name is. */
export function showAvatar(avatar, author) {
  let hash = 0;
  for (const c of author) hash = Math.imul(hash ^ c.codePointAt(0), 0x9e3779b1);
  avatar.style.setProperty('--hue', (hash >>> 16) % 360);
  avatar.textContent = [...author][0].toUpperCase();
}

/** An id that nobody else makes. `crypto.randomUUID` is missing on plain http off loopback. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
