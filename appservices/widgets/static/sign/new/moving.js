/** One person's box, moved on its page. */
import { html, nothing } from "lit";
import { banner, button } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { boxAt, sizeOfPage } from "../../pdf/boxes.js";
import { openFile } from "../../pdf/signing.js";
import { pageNumber } from "../../pdf/tree.js";
import "./placing.js";

/**
 * @typedef {import("../../pdf/boxes.js").Place} Place
 * @typedef {import("../../pdf/normalising.js").Upload} Upload
 */

/**
 * @param {Upload | undefined} upload
 * @param {import("./rows.js").Person | undefined} one whose box is being moved
 * @param {{place: (place: Place) => void, stop: () => void}} press
 */
export function moving(upload, one, press) {
    if (!upload || !one?.place) return nothing;
    const { place } = one;
    const spot = spotOf(upload, place);
    if (!spot) return banner("critical", html`<p>${t("There is no such page.")}</p>`);
    const { size, at } = spot;
    const name = one.name || one.account;
    return html`<section class="card">
        <h3>${t("Box of {name} on page {page}", { name, page: place.page })}</h3>
        <veche-placing
            .bytes=${upload.pdf}
            .page=${place.page}
            .size=${size}
            .at=${at}
            .name=${name}
            @veche-placed=${(/** @type {CustomEvent} */ { detail }) =>
                press.place({ ...place, at: detail })}
        ></veche-placing>
        <p class="actions">
            ${button({ label: t("Done"), style: "secondary", press: press.stop })}
        </p>
    </section>`;
}

/**
 * @param {Upload} upload
 * @param {Place} place
 * @returns the page, and where a box on it is
 */
function spotOf(upload, place) {
    try {
        const { document } = openFile(upload.pdf);
        const size = sizeOfPage(document, pageNumber(document, place.page - 1));
        const sizes = Array.from({ length: place.page }, () => size);
        const [left, bottom] = boxAt("box", place, sizes, []).corners;
        const at = /** @type {[number, number]} */ ([left - size.left, bottom - size.bottom]);
        return { size, at: place.at ?? at };
    } catch {
        return undefined;
    }
}
