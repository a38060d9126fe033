/**
 * What is shown of signing at a provider: who sees what, the certificates there, what has to be said
 * to it, and the clock while the person agrees elsewhere.
 *
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("./types.d.ts").Credential} Credential
 * @typedef {import("./types.d.ts").ProviderField} ProviderField
 * @typedef {import("./remote.js").RemoteSigning} RemoteSigning
 */
import { html, nothing } from "lit";
import { banner, button, field, spinner, textField } from "../kit/elements.js";
import { showDate, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";

const USER_CHARACTERS_MAX = 200;
const SECRET_CHARACTERS_MAX = 200;
const MINUTE_S = 60;

/** @param {SubmitEvent} event @returns {FormData} */
function submitted(event) {
    event.preventDefault();
    return new FormData(/** @type {HTMLFormElement} */ (event.target));
}

/** @param {View} view @param {RemoteSigning} remote looking certificates up at a provider */
export function lookPart({ providers = [] }, remote) {
    const submit = (/** @type {SubmitEvent} */ event) => {
        const data = submitted(event);
        const user = String(data.get("user") ?? "").trim();
        if (user) void remote.look(String(data.get("provider")), user);
    };
    const [only] = providers;
    return html`<form @submit=${submit}>
            ${
                providers.length === 1
                    ? html`<input type="hidden" name="provider" value=${only?.id ?? ""} />`
                    : choice(providers)
            }
            ${textField({
                id: "provider-user",
                label:
                    providers.length === 1 && only
                        ? t("Your user name or number at {provider}", { provider: only.name })
                        : t("Your user name or number there"),
                name: "user",
                maxlength: USER_CHARACTERS_MAX,
            })}
            <p class="actions">
                ${button({
                    label: t("Show my certificates"),
                    type: "submit",
                    style: "secondary",
                    is_busy: remote.doing === "look",
                })}
            </p>
        </form>
        ${remote.found ? credentialsPart(remote.found.credentials, remote) : nothing} ${whoSees()}`;
}

/** @param {{id: string, name: string}[]} providers */
function choice(providers) {
    return field({
        id: "provider",
        label: t("Your provider"),
        control: ({ id, describedby, invalid }) =>
            html`<select
                id=${id}
                name="provider"
                aria-describedby=${describedby}
                aria-invalid=${invalid}
            >
                ${providers.map((one) => html`<option value=${one.id}>${one.name}</option>`)}
            </select>`,
    });
}

/** @param {Credential[]} credentials @param {RemoteSigning} remote */
function credentialsPart(credentials, remote) {
    if (credentials.length === 0)
        return banner("info", html`<p>${t("You have no certificate there.")}</p>`);
    return html`<h3>${t("Your certificates there")}</h3>
        <ul class="plain-list" aria-live="polite">
            ${credentials.map(
                (one) =>
                    html`<li class="credential">
                        ${one.own ? usable(one, remote) : unusable(one)}
                    </li>`,
            )}
        </ul>`;
}

/** @param {Credential} one @param {RemoteSigning} remote */
function usable(one, remote) {
    const { name, issuer, authority, level, ends_at_ms } =
        /** @type {NonNullable<typeof one.own>} */ (one.own);
    return html`<p>
            <strong><bdi>${name}</bdi></strong
            ><br />
            <span class="secondary-text small"
                >${t("issued by {issuer}, valid until {date}", { issuer, date: showDate(ends_at_ms) })}<br />
                ${
                    level === "S4"
                        ? t(
                              "A qualified certificate below {authority}: so says who operates this service.",
                              { authority },
                          )
                        : t("A certificate below {authority}.", { authority })
                }</span
            >
        </p>
        <p class="actions">
            ${button({
                label: t("Take this one"),
                style: "secondary",
                is_busy: remote.doing === "choose",
                press: () => void remote.choose(one),
            })}
        </p>`;
}

/** @param {Credential} one */
function unusable({ credential, refusal }) {
    return html`<p>
        <bdi>${credential}</bdi><br />
        <span class="secondary-text small">${t("Can't sign here: {why}", { why: refusal })}</span>
    </p>`;
}

function whoSees() {
    return html`<p class="secondary-text small">
        ${t("The document stays on this page. Your provider gets a digest of it, which says nothing of what is in it. Your PIN or code passes through this service to your provider, and is kept nowhere.")}
    </p>`;
}

/**
 * Signing, once the certificate was approved.
 * @param {string} provider what it is called
 * @param {RemoteSigning} remote
 */
export function signPart(provider, remote) {
    if (remote.untilMs > 0) return waiting(provider, remote);
    if (remote.fields === undefined)
        return html`<p class="actions">
                ${button({
                    label: html`${icon("key")}<span
                            >${t("Sign with {provider}", { provider })}</span
                        >`,
                    is_busy: remote.doing !== "",
                    press: () => void remote.begin(),
                })}
            </p>
            ${whoSees()}`;
    return sayPart(provider, remote.fields, remote);
}

/** @param {string} provider @param {ProviderField[]} fields @param {RemoteSigning} remote */
function sayPart(provider, fields, remote) {
    const submit = (/** @type {SubmitEvent} */ event) => {
        const data = submitted(event);
        const typed = fields.filter((one) => !one.is_elsewhere);
        const said = typed.map(({ id }, at) => ({
            id,
            value: String(data.get(`said-${at}`) ?? ""),
        }));
        // What was typed is good for one time.
        /** @type {HTMLFormElement} */ (event.target).reset();
        void remote.sign(said);
    };
    const isBusy = remote.doing !== "";
    return html`<form autocomplete="off" @submit=${submit}>
            ${fields.filter((one) => !one.is_elsewhere).map(sayField)}
            ${
                fields.some((one) => one.is_elsewhere)
                    ? html`<p>
                          ${t("Then you are asked at {provider}, such as in its app.", { provider })}
                      </p>`
                    : nothing
            }
            <p class="actions">
                ${button({
                    label: html`${icon("key")}<span
                            >${t("Sign with {provider}", { provider })}</span
                        >`,
                    type: "submit",
                    is_busy: isBusy,
                })}
                ${
                    fields.some((one) => one.is_sent)
                        ? button({
                              label: t("Send a new code"),
                              style: "secondary",
                              is_busy: isBusy,
                              press: () => void remote.begin(),
                          })
                        : nothing
                }
            </p>
        </form>
        ${whoSees()}`;
}

/** @param {ProviderField} one @param {number} at */
function sayField({ label, is_sent }, at) {
    return field({
        id: `said-${at}`,
        label,
        help: is_sent ? t("It was sent to you just now by your provider.") : null,
        control: ({ id, describedby, invalid }) =>
            html`<input
                id=${id}
                name=${id}
                type=${is_sent ? "text" : "password"}
                required
                autocomplete=${is_sent ? "one-time-code" : "off"}
                autocapitalize="none"
                spellcheck="false"
                maxlength=${SECRET_CHARACTERS_MAX}
                aria-describedby=${describedby}
                aria-invalid=${invalid}
            />`,
    });
}

/** @param {string} provider @param {RemoteSigning} remote */
function waiting(provider, remote) {
    const left = remote.leftS;
    const [minutes, seconds] = [Math.floor(left / MINUTE_S), left % MINUTE_S];
    const clock = `${minutes}:${String(seconds).padStart(2, "0")}`;
    return html`${spinner(t("Agree at {provider} now, such as in its app.", { provider }))}
        <p>${t("Time left:")} <span class="clock" role="timer">${clock}</span></p>
        <p class="secondary-text small">
            ${t("You may close this page meanwhile: open it again in that time, and it goes on.")}
        </p>`;
}
