/** Says in red that somebody's keys have changed, and lets the person accept the new ones. */
import { html, nothing } from "lit";
import { button } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { nameIn } from "../client/timeline.js";
import { acceptIdentity } from "../client/trust.js";
import { hrefOf } from "../route.js";

/** @typedef {import("../client/trust.js").Replaced} Replaced */

/**
 * @param {import("../client/open.js").MatrixClient | undefined} client
 * @param {string} roomId
 * @param {Replaced[]} people
 * @param {() => void} accepted
 */
export function redNote(client, roomId, people, accepted) {
    if (!people.length || !client) return nothing;
    return html`<div class="banner critical replaced" role="alert">
        ${icon("error")}
        <div>
            ${people.map(
                ({ id, wasVerified }) =>
                    html`<p class="banner-title">
                            ${t("The keys of {name} have changed", { name: nameIn(client.getRoom(roomId), id) })}
                        </p>
                        <p>${wordsFor(wasVerified)}</p>
                        <p class="small"><bdi>${id}</bdi></p>
                        <p class="actions">
                            ${button({
                                label: t("Accept the new keys"),
                                style: "danger",
                                press: () => void acceptIdentity(client, id).then(accepted),
                            })}
                            <a class="button secondary" href=${hrefOf("chats", "verify", id)}
                                >${t("Verify in person")}</a
                            >
                        </p>`,
            )}
        </div>
    </div>`;
}

/** @param {boolean} wasVerified */
function wordsFor(wasVerified) {
    return wasVerified
        ? t(
              "You had verified them. They may have a new device, or somebody may pretend to be them. Nothing is sent until you accept the new keys. Ask them in person or by phone first.",
          )
        : t(
              "They may have a new device, or somebody may pretend to be them. Nothing is sent until you accept the new keys. If in doubt, ask them by phone.",
          );
}
