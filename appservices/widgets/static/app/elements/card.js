/**
 * A message that means something to a feature, as a card: what it is, its facts, and what one can do.
 *
 * @typedef {import("../client/timeline.js").Message} Message
 * @typedef {object} Parts
 * @property {string} mark an icon
 * @property {string} kind what it is
 * @property {string} [title]
 * @property {unknown[]} [lines]
 * @property {unknown} [more] beside the facts, such as its file
 * @property {{href: string, label: string}} [action]
 */
import { html, nothing } from "lit";
import { icon } from "../../kit/icons.js";
import { pagesOrigin } from "../../kit/page.js";

const ADDRESS = /href="(https?:[^"]+)"/g;

/** @param {Parts} parts */
export function card({ mark, kind, title, lines = [], more = nothing, action }) {
    return html`<article class="msg-card">
        <p class="card-kind with-mark">${icon(mark)}<span>${kind}</span></p>
        ${title ? html`<p class="card-title"><bdi>${title}</bdi></p>` : nothing}
        ${lines.map((line) => (line ? html`<p class="card-line" dir="auto">${line}</p>` : nothing))}
        ${more}
        ${
            action
                ? html`<p class="actions">
                      <a class="button secondary small" href=${action.href}>${action.label}</a>
                  </p>`
                : nothing
        }
    </article>`;
}

/** The words of a message. @param {Message} message */
export function words({ content }) {
    return typeof content.formatted_body === "string"
        ? html`<app-html class="rich" dir="auto" .source=${content.formatted_body}></app-html>`
        : html`<p class="lines" dir="auto">${String(content.body ?? "")}</p>`;
}

/** The file of a message, if it has one. @param {Message} message */
export function attachment({ content }) {
    return content.url || content.file
        ? html`<app-attachment .content=${content}></app-attachment>`
        : nothing;
}

/**
 * The first link of a message to one of our pages.
 * @param {Message} message
 * @param {string} path with which it begins
 * @returns {string | undefined}
 */
export function linkTo({ content }, path) {
    const found = [...String(content.formatted_body ?? "").matchAll(ADDRESS)]
        .map(([, address = ""]) => address.replaceAll("&amp;", "&"))
        .filter((address) => URL.canParse(address))
        .map((address) => new URL(address));
    return found.find(({ origin, pathname }) => origin === pagesOrigin() && pathname === path)
        ?.href;
}
