/** An office in a list: its coat of arms, its name, when it is open. */
import { html, nothing } from "lit";
import { linkRow } from "../../kit/elements.js";
import { plural } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { colourOf, initialOf } from "../../kit/marks.js";
import { hrefOf } from "../route.js";

/**
 * @param {{picture?: string | null, name: string, office: string}} office
 * @returns {unknown} hidden from screen readers: its name stands beside it
 */
function officeMark({ picture, name, office }) {
    return picture
        ? html`<img
              class="office-mark"
              src=${picture}
              alt=""
              width="48"
              height="48"
              loading="lazy"
          />`
        : html`<span class="office-mark ${colourOf(office)}" aria-hidden="true"
              >${initialOf(name)}</span
          >`;
}

/** @param {import("../views/town.js").Office} office */
export function officeRow(office) {
    const count = plural("{count} service", "{count} services", office.services.length);
    const hours = (office.hours ?? []).map((line) => html`<span class="line">${line}</span>`);
    return linkRow({
        href: `${hrefOf("services")}?${new URLSearchParams({ office: office.office })}`,
        mark: officeMark(office),
        title: office.name,
        meta: html`${office.organisation} · ${count}
        ${hours.length ? html`<span class="with-mark">${icon("time")}<span>${hours}</span></span>` : nothing}`,
    });
}
