/**
 * The wallet as a widget in a person's chat with the payments bot: what waits for an answer, paying,
 * the latest receipts. It reads and writes through the client, as the person, and has no session,
 * token or key: the key approves in a tab. Alone in a tab ("pop out") it gives way to the wallet.
 */
import { html } from "lit";
import { t } from "../kit/i18n.js";
import { showFramed } from "./framed.js";
import "./purse.js";

showFramed(
    "/wallet",
    () => t("Wallet"),
    ({ link, error }) => html`<veche-purse .link=${link} .error=${error}></veche-purse>`,
);
