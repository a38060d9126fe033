/** A part of a page: a heading, and the rows below it; nothing where there are none. */
import { html, nothing } from "lit";

/** @param {string} id @param {string} title @param {unknown[]} rows */
export function section(id, title, rows) {
    if (!rows.length) return nothing;
    return html`<section aria-labelledby=${id}>
        <h2 id=${id}>${title}</h2>
        <ul class="rows">
            ${rows}
        </ul>
    </section>`;
}
