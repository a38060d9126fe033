/** Whether this device announces messages while the app is closed. */
import { html, nothing } from "lit";
import { BusyElement, banner, button } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { account } from "../account/account.js";
import { pushState, turnPushOff, turnPushOn } from "../account/push.js";

/** @typedef {import("../account/push.js").PushState} PushState */

export class AppNotifications extends BusyElement {
    static properties = { state: { state: true } };

    constructor() {
        super();
        /** @type {PushState} */
        this.state = "impossible";
    }

    connectedCallback() {
        super.connectedCallback();
        pushState().then(
            (state) => (this.state = state),
            () => {},
        );
    }

    /** @param {(opened: import("../client/open.js").Opened) => Promise<PushState>} turn */
    _turn(turn) {
        const { opened } = account();
        if (!opened) return;
        void this.doOne(
            async () => (this.state = await turn(opened)),
            t("Notifications could not be changed. Try again in a moment."),
        );
    }

    _words() {
        if (this.state === "on") return t("This device tells you when somebody writes to you.");
        if (this.state === "off")
            return t("Get a note on this device when somebody writes to you.");
        return t(
            "Your browser does not let Veche notify you. Allow it in the browser's settings for this page.",
        );
    }

    _button() {
        const { isBusy: is_busy } = this;
        if (this.state === "off")
            return button({
                label: t("Turn on notifications"),
                is_busy,
                press: () => this._turn(turnPushOn),
            });
        if (this.state !== "on") return nothing;
        return button({
            label: t("Turn off notifications"),
            style: "secondary",
            is_busy,
            press: () => this._turn(turnPushOff),
        });
    }

    render() {
        if (this.state === "impossible") return nothing;
        return html`<section class="card">
            <h2>${t("Notifications")}</h2>
            <p>${this._words()}</p>
            ${this.error ? banner("critical", this.error) : nothing} ${this._button()}
        </section>`;
    }
}
customElements.define("app-notifications", AppNotifications);
