/**
 * The page as a widget in a Matrix client: the card of the case, what is asked, what was issued.
 * It reads and answers through the client, and has no session, token or key: what needs one opens
 * in a tab. Alone in a tab ("pop out") it gives way to the home page, which has all of it.
 */
import { html } from "lit";
import { t } from "../kit/i18n.js";
import { showFramed } from "./framed.js";
import "./matter.js";

showFramed(
    "/",
    () => t("Your case"),
    ({ link, error }) => html`<veche-matter .link=${link} .error=${error}></veche-matter>`,
);
