/** An office in a list: its coat of arms, its name, when it is open. */
import { html, nothing } from "lit";
import { plural } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { colourOf, initialOf } from "../../kit/marks.js";
import { hrefOf } from "../route.js";

/**
 * @param {{picture?: string | null, name: string, office: string}} office
 * @returns {unknown} hidden from screen readers: its name stands beside it
 */
export function officeMark({ picture, name, office }) {
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
    return html`<li>
        <a
            class="row"
            href="${hrefOf("services")}?${new URLSearchParams({ office: office.office })}"
        >
            ${officeMark(office)}
            <span class="row-main">
                <span class="row-title">${office.name}</span>
                <span class="row-meta"
                    >${office.organisation} ·
                    ${plural("{count} service", "{count} services", office.services.length)}</span
                >
                ${
                    office.hours?.length
                        ? html`<span class="row-meta with-mark"
                              >${icon("time")}<span
                                  >${office.hours.map((line) => html`<span class="line">${line}</span>`)}</span
                              ></span
                          >`
                        : nothing
                }
            </span>
            ${icon("next")}
        </a>
    </li>`;
}
