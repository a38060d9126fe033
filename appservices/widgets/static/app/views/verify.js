/** Verifying a person, or a device of one's own: by emoji, or by a QR code. */
import { html, nothing } from "lit";
import { BusyElement, banner, button, spinner } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { account } from "../account/account.js";
import { direct } from "../client/rooms.js";
import { Verification, ask, requestWith } from "../client/verification.js";
import "../../kit/camera.js";
import { noteLine, paneHead } from "../elements/tool.js";
import { qrCode } from "../../kit/qr.js";

export class AppVerify extends BusyElement {
    static properties = { userId: { attribute: false } };

    constructor() {
        super();
        this.userId = "";
        /** @type {Verification | undefined} */
        this._running = undefined;
    }

    connectedCallback() {
        super.connectedCallback();
        const request = requestWith(this.userId);
        if (request) this._use(request);
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this._running?.stop();
    }

    /** @param {import("../client/verification.js").Request} request */
    _use(request) {
        this._running = new Verification(request, () => this.requestUpdate());
        this.requestUpdate();
    }

    /** Whether it is another device of the person. */
    get _isOwn() {
        return this.userId === account().session?.userId;
    }

    /** @param {() => Promise<unknown>} work @param {string} [trouble] what is said if it fails */
    _do(work, trouble = t("That did not work. Look at your connection, then try again.")) {
        return this.doOne(work, trouble);
    }

    async _ask() {
        const client = account().opened?.client;
        if (!client) return;
        const room = this._isOwn ? "" : await direct(client, this.userId);
        this._use(await ask(client, this.userId, room));
    }

    _begin() {
        return html`<p>
                ${this._isOwn ? t("Have your other device beside you, with Veche open on it. Then this one reads your earlier messages, too.") : t("Verify each other, and this app warns you if somebody pretends to be the other. Do it while you sit together or talk on the phone.")}
            </p>
            <p class="secondary-text"><bdi>${this.userId}</bdi></p>
            <div class="actions">
                ${button({
                    label: t("Start verifying"),
                    is_busy: this.isBusy,
                    press: () => void this._do(() => this._ask()),
                })}
            </div>`;
    }

    /** @param {Verification} running */
    _choose(running) {
        return html`<div class="verify-ways">
            ${
                running.code
                    ? html`<section class="card">
                          <h2>${t("Show this code")}</h2>
                          ${qrCode(running.code, t("Your QR code for verifying"))}
                          <p class="secondary-text">${t("Scan it with the other device.")}</p>
                      </section>`
                    : nothing
            }
            ${
                running.canScan
                    ? html`<section
                          class="card"
                          @veche-scanned=${(/** @type {CustomEvent} */ event) =>
                              void this._do(
                                  () => running.byCode(event.detail),
                                  t("This is not the code of the other device. Scan it again."),
                              )}
                      >
                          <h2>${t("Scan the code of the other device")}</h2>
                          <veche-camera .isOfBytes=${true}></veche-camera>
                      </section>`
                    : nothing
            }
            <section class="card">
                <h2>${t("Compare emoji")}</h2>
                <p class="secondary-text">
                    ${t("Both of you see seven pictures and say whether they are the same. This also works by phone.")}
                </p>
                ${button({
                    label: t("Compare emoji"),
                    is_busy: this.isBusy,
                    press: () => void this._do(() => running.byEmoji()),
                })}
            </section>
        </div>`;
    }

    /** @param {Verification} running */
    _started(running) {
        if (running.hasScanned)
            return noteLine(
                "check",
                t("Scanned. Now say on the other device that you see a check mark here."),
            );
        if (running.isConfirmed) return spinner(t("Waiting for the other device…"));
        if (running.isScanned)
            return html`<p>${t("Does the other device show a check mark?")}</p>
                ${this._yesNo(running, t("Yes, it does"), t("No"))}`;
        if (!running.emoji) return spinner(t("Waiting for the other device…"));
        return html`<p>${t("Do both of you see these pictures, in this order?")}</p>
            <ol class="emoji-list">
                ${running.emoji.map(
                    ([picture, name]) =>
                        html`<li>
                            <span class="emoji-picture">${picture}</span>
                            <span lang="en">${name}</span>
                        </li>`,
                )}
            </ol>
            ${this._yesNo(running, t("They are the same"), t("They are different"))}`;
    }

    /** @param {Verification} running @param {string} yes @param {string} no */
    _yesNo(running, yes, no) {
        return html`<div class="actions">
            ${button({ label: yes, press: () => running.confirm() })}
            ${button({ label: no, style: "danger", press: () => running.deny() })}
        </div>`;
    }

    /** @param {Verification} running */
    _step(running) {
        switch (running.step) {
            case "asked":
                return html`<p>
                        ${this._isOwn ? t("Accept if you signed in on another device just now. If you did not, decline.") : t("{name} wants to verify you. Accept if you talk to each other now.", { name: this.userId })}
                    </p>
                    <div class="actions">
                        ${button({
                            label: t("Accept"),
                            is_busy: this.isBusy,
                            press: () => void this._do(() => running.accept()),
                        })}
                        ${button({
                            label: t("Decline"),
                            style: "secondary",
                            press: () => void running.cancel(),
                        })}
                    </div>`;
            case "waiting":
                return html`${spinner(this._isOwn ? t("Now accept on your other device…") : t("Waiting until the other person accepts in their app…"))}
                    <div class="actions">
                        ${button({
                            label: t("Cancel"),
                            style: "secondary",
                            press: () => void running.cancel(),
                        })}
                    </div>`;
            case "choose":
                return this._choose(running);
            case "started":
                return this._started(running);
            case "done":
                return banner(
                    "success",
                    this._isOwn
                        ? t("Confirmed. This device is yours.")
                        : t("Verified. This app warns you if their keys ever change."),
                );
            default:
                return html`${banner(
                    "critical",
                    t(
                        "The verification was cancelled. If the pictures were different, don't trust this chat and ask the person by phone.",
                    ),
                )}
                ${this._begin()}`;
        }
    }

    render() {
        const running = this._running;
        return html`<section class="pane-page">
            ${paneHead(t("Verify"))} ${running ? this._step(running) : this._begin()}
            ${this.error ? banner("critical", this.error) : nothing}
        </section>`;
    }
}
customElements.define("app-verify", AppVerify);
