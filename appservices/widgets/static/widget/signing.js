/**
 * Documents to sign as a widget in a person's chat with the signing bot: what waits, its pages, who
 * has signed. It reads and answers through the client, and has no session or key of the person: what
 * is signed is signed in a tab. Alone in a tab ("pop out") it gives way to the page of signatures.
 */
import { html } from "lit";
import { t } from "../kit/i18n.js";
import "./desk.js";
import { showFramed } from "./framed.js";

showFramed(
    "/sign",
    () => t("Documents to sign"),
    ({ link, error }) => html`<veche-desk .link=${link} .error=${error}></veche-desk>`,
    true,
);
