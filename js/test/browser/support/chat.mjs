/** The chat page as somebody uses it. Everything here waits until the page shows what is asked for. */

import { newPage } from './browser.mjs';

export class Chat {
  /** @param page A Playwright page that shows the chat. */
  constructor(page) {
    this.page = page;
  }

  /** Opens the page as `name` and waits until the room is joined. `prepare` gets the page before. */
  static async open(test, url, name, { room = 'lobby', prepare, ...options } = {}) {
    const page = await newPage(test, options);
    await prepare?.(page);
    await page.addInitScript((nickname) => localStorage.setItem('channel-layers.nickname', nickname), name);
    await page.goto(`${url}/#${room}`);
    const chat = new Chat(page);
    await chat.joined(room);
    return chat;
  }

  /** Puts a room on show and waits until it is joined. */
  async enter(room) {
    await this.page.getByRole('link', { name: room }).click();
    await this.joined(room);
  }

  async joined(room) {
    await this.page.locator('.room.joined', { hasText: room }).waitFor();
  }

  /** Waits for a state of the connection: `connecting`, `connected` or `closed`. */
  async connection(state) {
    await this.page.locator(`#connection[data-state="${state}"]`).waitFor();
  }

  async type(text) {
    await this.page.getByLabel('Message', { exact: true }).fill(text);
    await this.page.keyboard.press('Enter');
  }

  /** Sends a text and waits until the gateway has accepted it. */
  async say(text) {
    await this.type(text);
    await this.delivery(text, 'sent');
  }

  /** Waits until an own message is `sending`, `sent` or `failed`. */
  async delivery(text, delivery) {
    await this.#message(text).and(this.page.locator(`.own[data-delivery="${delivery}"]`)).waitFor();
  }

  /** Waits for a message by somebody else and returns the name above it. */
  async hears(text) {
    const message = this.#message(text).and(this.page.locator(':not(.own)'));
    await message.waitFor();
    return message.locator('.from').textContent();
  }

  /** The room's texts, from the first to the last. */
  texts() {
    return this.page.locator('.room-log:not([hidden]) .message .text').allTextContents();
  }

  #message(text) {
    const exactly = this.page.getByText(text, { exact: true });
    return this.page.locator('.room-log:not([hidden]) .message').filter({ has: exactly });
  }
}
