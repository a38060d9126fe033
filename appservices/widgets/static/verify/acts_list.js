/** Acts that were proven, as a list: newest first. */
import { html, nothing } from "lit";
import { plural, showDateTime, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { actWords } from "./acts_words.js";

/** @typedef {import("./acts.js").Opening} Opening */

/** @param {Opening[]} acts in their order @returns {number} how many between them are not there */
function missing(acts) {
    const [first, last] = [acts[0], acts.at(-1)];
    return first && last ? last.seq - first.seq + 1 - acts.length : 0;
}

/** @param {string} text */
const meta = (text) => (text ? html`<p class="act-meta"><bdi>${text}</bdi></p>` : nothing);

/** @param {Opening} act */
function row({ act, actor, basis, purpose, why, seq, ts, case: inCase }) {
    const place = inCase ? t("Case {number}", { number: inCase }) : "";
    return html`<li>
        <div class="act">
            <p class="act-title">${actWords(act)}</p>
            ${meta(t("{time}, number {seq}, by {actor}", { time: showDateTime(ts), seq, actor }))}
            ${meta([purpose, basis].filter(Boolean).join(" · "))} ${meta(why ?? "")} ${meta(place)}
        </div>
        <span class="with-mark good">${icon("done")}<span>${t("checked")}</span></span>
    </li>`;
}

/** @param {Opening[]} acts in their order */
export function actsList(acts) {
    const gaps = missing(acts);
    const list = html`<ul class="acts">
        ${acts.toReversed().map(row)}
    </ul>`;
    return html`${acts.length ? list : nothing}
    ${
        gaps
            ? html`<p class="help">
                  ${plural(
                      "{count} act between them is not here: it is of another case, or what it said was deleted after its time. The log has it.",
                      "{count} acts between them are not here: they are of other cases, or what they said was deleted after its time. The log has them.",
                      gaps,
                  )}
              </p>`
            : nothing
    }`;
}
