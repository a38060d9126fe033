/**
 * Private documents in the list of all that waits: their keys are in the links of those who ask, which
 * the person pastes, as many as they have.
 *
 * @typedef {import("./types.d.ts").PrivateParty} PrivateParty
 * @typedef {import("./link.js").PrivateLink} PrivateLink
 */
import { html, nothing } from "lit";
import { field } from "../kit/elements.js";
import { plural, t } from "../kit/i18n.js";
import { readPrivateLink } from "./link.js";

/** Of what is pasted; a hundred links have a third of it. */
const PASTED_MAX = 100_000;

/**
 * @param {string} pasted one link a line, or with other words between them
 * @param {PrivateParty[]} waiting
 * @returns {{found: {told: PrivateParty, link: PrivateLink}[], strange: number}} each document once;
 *     how many links are of none of them
 */
export function readPasted(pasted, waiting) {
    const links = pasted.slice(0, PASTED_MAX).match(/#[\w=&%-]+/g) ?? [];
    /** @type {Map<string, {told: PrivateParty, link: PrivateLink}>} */
    const found = new Map();
    let strange = 0;
    for (const one of links) {
        const link = readPrivateLink(one);
        const told = link?.key && waiting.find(({ session }) => session === link.session);
        if (link && told) found.set(told.session, { told, link });
        else strange += 1;
    }
    return { found: [...found.values()], strange };
}

/**
 * @param {PrivateParty[]} waiting those whose link is not here yet
 * @param {string | null} error why what was pasted is not taken
 * @param {(pasted: string) => void} paste
 */
export function hidden(waiting, error, paste) {
    const [good, others] = [true, false].map((is) =>
        waiting.filter(({ is_together }) => is_together === is),
    );
    return html`${good?.length ? pasting(good, error, paste) : nothing}
    ${
        others?.length
            ? html`<p class="secondary-text">
                      ${t("These private documents are signed one at a time:")}
                  </p>
                  <ul class="plain-list">
                      ${others.map(({ session: s, party: p, token, requester }) => {
                          const address = `#${new URLSearchParams({ s, p, t: token }).toString()}`;
                          return html`<li>
                              <a href=${address}>
                                  ${t("Private document, asked by {name}", { name: requester })}
                              </a>
                          </li>`;
                      })}
                  </ul>`
            : nothing
    }`;
}

/** @param {PrivateParty[]} waiting @param {string | null} error @param {(pasted: string) => void} paste */
function pasting(waiting, error, paste) {
    const names = [...new Set(waiting.map(({ requester }) => requester))];
    return html`<h2>${t("Private documents")}</h2>
        <p>
            ${plural(
                "{count} private document waits for you. Its key is in the link that you get from who asks:",
                "{count} private documents wait for you. Their keys are in the links that you get from who asks:",
                waiting.length,
            )}
            <bdi>${names.join(", ")}</bdi>
        </p>
        ${field({
            id: "private-links",
            label: t("Links of who asks you, as many as you have"),
            is_required: false,
            error,
            control: ({ id, describedby, invalid }) =>
                html`<textarea
                    id=${id}
                    rows="3"
                    autocomplete="off"
                    spellcheck="false"
                    aria-describedby=${describedby}
                    aria-invalid=${invalid}
                    @change=${(/** @type {Event} */ { target }) => {
                        const area = /** @type {HTMLTextAreaElement} */ (target);
                        const pasted = area.value;
                        area.value = ""; // keys are not left on the screen
                        paste(pasted);
                    }}
                ></textarea>`,
        })}`;
}
