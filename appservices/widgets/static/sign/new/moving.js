/** One person's box, moved on its page. */
import { html, nothing } from "lit";
import { banner, button } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { HEIGHTS, WIDTHS, areasOn, isOver, shownSize, sizeOfPage } from "../../pdf/boxes.js";
import { openFile } from "../../pdf/signing.js";
import { pageNumber } from "../../pdf/tree.js";
import { number } from "./people.js";
import { besides } from "./rows.js";
import "./placing.js";

/**
 * @typedef {import("../../pdf/boxes.js").Place} Place
 * @typedef {import("../../pdf/normalising.js").Upload} Upload
 */

/**
 * @param {Upload | undefined} upload
 * @param {import("./rows.js").Form} form
 * @param {import("./rows.js").Person | undefined} one whose box is being moved
 * @param {{place: (place: Place) => void, stop: () => void}} press
 */
export function moving(upload, form, one, press) {
    if (!upload || !one?.place) return nothing;
    const { place } = one;
    const spot = spotOf(upload, place, besides(form, one));
    if (!spot) return banner("critical", html`<p>${t("There is no such page.")}</p>`);
    const { shown, area, others } = spot;
    const name = nameOf(one);
    const covered = others.find((other) => isOver(area, other.area));
    return html`<section class="card">
        <h3>${t("Box of {name} on page {page}", { name, page: place.page })}</h3>
        <veche-placing
            .bytes=${upload.pdf}
            .page=${place.page}
            .shown=${shown}
            .area=${area}
            .name=${name}
            .others=${others}
            @veche-placed=${(/** @type {CustomEvent} */ { detail }) =>
                press.place({ ...place, area: detail })}
        ></veche-placing>
        <p>
            ${t("Tap the page where the box should be, or drag the box or its lower right corner. The arrow keys move it; with Shift they change its size.")}
        </p>
        <div role="status">
            ${
                covered &&
                banner(
                    "info",
                    html`<p>${t("It covers the box of {name}.", { name: covered.name })}</p>`,
                )
            }
        </div>
        <div class="columns">
            ${measures(shown, area, (changed) => press.place({ ...place, area: changed }))}
        </div>
        <p class="actions">
            ${button({ label: t("Done"), style: "secondary", press: press.stop })}
        </p>
    </section>`;
}

/**
 * @param {[number, number]} shown
 * @param {import("../../pdf/boxes.js").Area} area
 * @param {(area: import("../../pdf/boxes.js").Area) => void} set
 */
function measures([wide, high], area, set) {
    const one = (
        /** @type {"x" | "y" | "width" | "height"} */ key,
        /** @type {string} */ label,
        /** @type {number} */ least,
        /** @type {number} */ most,
    ) =>
        number(
            `box-${key}`,
            label,
            area[key],
            most,
            null,
            // While a number is typed it can be none that is good.
            (typed) => typed >= least && typed <= most && set({ ...area, [key]: typed }),
            least,
        );
    const [x, y] = [Math.floor(wide - area.width), Math.floor(high - area.height)];
    return [
        one("x", t("From the left edge, in points"), 0, x),
        one("y", t("From the top edge, in points"), 0, y),
        one("width", t("Width, in points"), WIDTHS[0], Math.min(WIDTHS[1], wide - area.x)),
        one("height", t("Height, in points"), HEIGHTS[0], Math.min(HEIGHTS[1], high - area.y)),
    ];
}

/** @param {import("./rows.js").Person} one @returns {string} */
const nameOf = (one) => one.name || one.account;

/**
 * @param {Upload} upload
 * @param {Place} place
 * @param {import("./rows.js").Person[]} people whose boxes are in the same document
 * @returns how wide and high the page is, where a box on it is, and where those of others are
 */
function spotOf(upload, place, people) {
    try {
        const { document } = openFile(upload.pdf);
        const size = sizeOfPage(document, pageNumber(document, place.page - 1));
        const seats = people.map((one, at) => ({
            field: String(at),
            place: one.place ?? undefined,
        }));
        const areas = areasOn([...seats, { field: "own", place }], place.page, size);
        const area = areas.get("own");
        const others = people.flatMap((one, at) => {
            const held = areas.get(String(at));
            return held ? [{ name: nameOf(one), area: held }] : [];
        });
        return area && { shown: shownSize(size), area, others };
    } catch {
        return undefined;
    }
}
