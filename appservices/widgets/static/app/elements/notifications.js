/** Whether this device announces messages while the app is closed. */
import { html, nothing } from "lit";
import { VecheElement, button } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { site } from "../site.js";

export class AppNotifications extends VecheElement {
    static properties = { state: { state: true }, hasPush: { state: true } };

    constructor() {
        super();
        /** @type {NotificationPermission | "none"} */
        this.state = "Notification" in window ? Notification.permission : "none";
        this.hasPush = false;
    }

    connectedCallback() {
        super.connectedCallback();
        site().then(
            ({ has_push }) => (this.hasPush = has_push),
            () => {},
        );
    }

    async _allow() {
        this.state = await Notification.requestPermission();
        if (this.state === "granted")
            this.dispatchEvent(new CustomEvent("veche-push", { bubbles: true }));
    }

    render() {
        if (!this.hasPush || this.state === "none") return nothing;
        const words = {
            default: t("Get a note on this device when somebody writes to you."),
            granted: t("This device tells you when somebody writes to you."),
            denied: t(
                "Your browser does not let Veche notify you. Allow it in the browser's settings for this page.",
            ),
        };
        return html`<section class="card">
            <h2>${t("Notifications")}</h2>
            <p>${words[this.state]}</p>
            ${
                this.state === "default"
                    ? button({ label: t("Turn on notifications"), press: () => void this._allow() })
                    : nothing
            }
        </section>`;
    }
}
customElements.define("app-notifications", AppNotifications);
