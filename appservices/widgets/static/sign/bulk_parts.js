/**
 * What stands around the lines of the list of documents: what came of the press, and what is not in it.
 *
 * @typedef {import("./bulk.js").Item} Item
 * @typedef {import("./types.d.ts").WaitingParty} WaitingParty
 */
import { html, nothing } from "lit";
import { banner } from "../kit/elements.js";
import { plural, t } from "../kit/i18n.js";
import { isBlind } from "./signing.js";
import { explained } from "./words.js";

/** @param {Item[]} items once the press was carried out */
export function outcome(items) {
    const signed = items.filter(({ state }) => state === "signed").length;
    const failed = items.filter(({ error }) => error !== undefined).length;
    return html`${
        signed > 0
            ? banner(
                  "success",
                  html`<p>
                      ${plural("{count} document is signed.", "{count} documents are signed.", signed)}
                      ${t("The closed documents come to your chat.")}
                      ${
                          items.some(({ line }) => isBlind(line.view))
                              ? t(
                                    "Private ones do not: open their links again once everyone has signed, and save the files.",
                                )
                              : nothing
                      }
                  </p>`,
              )
            : nothing
    }
    ${
        failed > 0
            ? banner(
                  "info",
                  html`<p>
                      ${plural(
                          "{count} document was not signed; its line says why.",
                          "{count} documents were not signed; their lines say why.",
                          failed,
                      )}
                  </p>`,
              )
            : nothing
    }`;
}

/**
 * @param {{others: WaitingParty[], more: number, failed: {title: string, error: unknown}[]}} list
 * @returns what is not signed with the others
 */
export function others({ others: waiting, more, failed }) {
    return html`${
        waiting.length > 0
            ? html`<h2>${t("To be signed one at a time")}</h2>
                  <p class="secondary-text">
                      ${t("These have clauses to be agreed to, were signed by others before, or have no box of yours.")}
                  </p>
                  <ul class="plain-list">
                      ${waiting.map(
                          (one) =>
                              html`<li>
                                  <a href=${`#${fragmentOf(one)}`}><bdi>${one.title}</bdi></a>
                              </li>`,
                      )}
                  </ul>`
            : nothing
    }
    ${failed.map(({ title, error }) =>
        banner("critical", html`<p><bdi>${title}</bdi>: ${explained(error)}</p>`),
    )}
    ${
        more > 0
            ? html`<p class="secondary-text">
                  ${plural(
                      "{count} more document waits for you: open this page again afterwards.",
                      "{count} more documents wait for you: open this page again afterwards.",
                      more,
                  )}
              </p>`
            : nothing
    }`;
}

/** @param {Item} item what stands below its title */
export function summary({ line: { view }, seen, state, isUnclosed }) {
    const count = view.document.pages;
    const pages = plural("{count} page", "{count} pages", count);
    const told = [t("Asked by {name}", { name: view.requester }), pages];
    if (isBlind(view)) told.push(t("private"));
    if (state === "begun") told.push(t("is being signed…"));
    else if (isUnclosed) told.push(t("signed; open its link once more, to close the file"));
    else if (state === "signed") told.push(t("signed"));
    else if (seen >= count) told.push(t("read"));
    return told.join(" · ");
}

/** @param {WaitingParty} one @returns {string} fragment of its own link */
function fragmentOf({ session, party, token, key }) {
    return new URLSearchParams({ s: session, p: party, t: token, k: key }).toString();
}
