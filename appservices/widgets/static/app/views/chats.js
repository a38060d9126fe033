/** The conversations. */
import { html } from "lit";
import { VecheElement } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { account } from "../account/account.js";
import { hrefOf } from "../route.js";
import "./chat.js";

export class AppChats extends VecheElement {
    render() {
        const rooms = account().opened?.client.getRooms() ?? [];
        return html`<h1 tabindex="-1">${t("Chats")}</h1>
            <ul class="rows">
                ${rooms.map(
                    (room) =>
                        html`<li>
                            <a class="row" href=${hrefOf("chats", room.roomId)}
                                ><bdi>${room.name}</bdi></a
                            >
                        </li>`,
                )}
            </ul>`;
    }
}
customElements.define("app-chats", AppChats);
