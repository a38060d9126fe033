/** An address at which there is nothing. */
import { html } from "lit";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { View } from "../view.js";

class VecheUnknown extends View {
    get heading() {
        return t("There is nothing here");
    }

    render() {
        return html`${this.head()}
            <section class="empty">
                ${icon("search")}
                <p>${t("The address may be mistyped, or what was here is gone.")}</p>
                <p class="actions">
                    <a class="button primary" href="/services">${t("Look at the services")}</a>
                    <a class="button secondary" href="/">${t("Home")}</a>
                </p>
            </section>`;
    }
}
customElements.define("veche-unknown", VecheUnknown);
