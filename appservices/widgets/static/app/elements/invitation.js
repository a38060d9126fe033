/** An invitation: who invites, and what the person does with it. */
import { html, nothing } from "lit";
import { BusyElement, banner, button } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { account } from "../account/account.js";
import { accept, leave } from "../client/rooms.js";
import { nameIn } from "../client/timeline.js";
import { hrefOf } from "../route.js";

/** @typedef {import("../client/rooms.js").Entry} Entry */

export class AppInvitation extends BusyElement {
    static properties = { entry: { attribute: false } };

    constructor() {
        super();
        /** @type {Entry | undefined} */
        this.entry = undefined;
    }

    render() {
        const client = account().opened?.client;
        const { entry } = this;
        if (!client || !entry) return nothing;
        const name = nameIn(client.getRoom(entry.id), entry.inviter);
        return html`<div class="card">
            <h2>${t("{name} invites you to this chat", { name })}</h2>
            <p class="secondary-text"><bdi>${entry.inviter}</bdi></p>
            ${
                entry.state === "request"
                    ? html`<p>
                          ${t("You share no chat with this person. Only accept if you know them. They can't see whether you have read this.")}
                      </p>`
                    : nothing
            }
            <div class="actions">
                ${button({
                    label: t("Accept"),
                    is_busy: this.isBusy,
                    press: () =>
                        void this.doOne(
                            () => accept(client, entry),
                            () =>
                                t(
                                    "The invitation can't be accepted now. Look at your connection, then try again.",
                                ),
                        ),
                })}
                ${button({
                    label: t("Decline"),
                    style: "secondary",
                    is_busy: this.isBusy,
                    press: () =>
                        void this.doOne(async () => {
                            await leave(client, entry.id);
                            location.hash = hrefOf("chats");
                        }, t("The invitation can't be declined now. Try again later.")),
                })}
            </div>
            ${this.error ? banner("critical", this.error) : nothing}
        </div>`;
    }
}
customElements.define("app-invitation", AppInvitation);
