/**
 * Signing with a certificate of one's own: what has to be done outside of this page, and what is
 * approved on it. The certificate is told to the service by the command, which waits until its key
 * is approved here with the key of this device; so nobody else who has the link can sign.
 *
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("./types.d.ts").OwnCertificate} OwnCertificate
 * @typedef {import("./signing.js").Task} Task
 */
import { html, nothing } from "lit";
import { banner, button, spinner } from "../kit/elements.js";
import { showDateTime, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { base64url, fromBase64 } from "../kit/approval.js";
import { refreshed } from "./opening.js";
import { RemoteSigning, canBeRemote, providerName } from "./remote.js";
import { lookPart, signPart } from "./remote_parts.js";
import { approve } from "./signing.js";

/** How often it is looked whether the command, which works elsewhere, has got on. */
const LOOK_MS = 3000;
const OWN = new Set(["S3", "S4"]);
/** A digest in base64 is no multiple of four, and what is compared is shown whole. */
const GROUP = /.{1,4}/g;
/** What is typed, by where the key is. */
const COMMANDS = /** @type {const} */ ([
    ["card", 'veche sign --session --pkcs11 MODULE --token "CARD" --label "KEY"'],
    ["provider", "veche sign --session --csc https://PROVIDER/csc/v2 --access-token-path FILE"],
    ["file", "veche sign --session --key key.pem --certificate chain.pem"],
]);

/** @param {View} view @returns {boolean} whether it takes a certificate of one's own */
export function isOwn({ you }) {
    return Boolean(you.field) && OWN.has(you.level);
}

/**
 * Approves the certificate that was told.
 * @param {Pick<Task, "session" | "view" | "choices" | "tell">} task
 * @returns {Promise<View>}
 */
export async function approveOwn(task) {
    const { session, view } = task;
    const approved = await approve(task, view.you.own?.key);
    task.tell("hand");
    return session.approveOwn({ party: view.you.party, approval: approved.signed });
}

/** What a page of signing does about a certificate of one's own, beside the rest of it. */
export class OwnSigning {
    /** @param {import("./view.js").VecheSign} page */
    constructor(page) {
        this.page = page;
        /** Whether the link for the command was copied. */
        this.isCopied = false;
        /** @type {number | undefined} */
        this.timer = undefined;
        this.remote = new RemoteSigning(page);
    }

    watch() {
        this.timer = window.setInterval(() => void this.#look(), LOOK_MS);
    }

    stop() {
        window.clearInterval(this.timer);
    }

    /** What is shown above the buttons. */
    part() {
        const { view, _session: session, _link: link } = this.page;
        if (!view || !isOwn(view) || !session || !link) return nothing;
        const { remote } = this;
        if (view.you.own && !remote.isAnew) return ownCertificate(view, view.you.own, remote);
        const copy = () => {
            navigator.clipboard.writeText(ownLink(session, link)).then(
                () => {
                    this.isCopied = true;
                    this.page.requestUpdate();
                },
                () => {},
            );
        };
        const steps = ownSteps(view, { isCopied: this.isCopied, copy });
        return canBeRemote(view) ? atProvider(view, remote, steps) : steps;
    }

    /** Looks whether the command has told a certificate, or has signed. */
    async #look() {
        const { page } = this;
        const { view, paper, _session: session, _begun: begun } = page;
        const isIdle = page.doing === "" && document.visibilityState === "visible";
        if (!view || !paper || !session || !isIdle || !isOwn(view) || !view.you.can_act) return;
        try {
            const said = await session.view();
            if (begun !== page._begun || page.doing !== "") return;
            if (said.you.can_act) {
                page.view = { ...view, you: said.you };
                await this.remote.resume();
                return;
            }
            page._show(await refreshed({ session, view, paper }));
            await page._close();
        } catch {
            // The next look may be answered.
        }
    }
}

/**
 * @param {import("./api.js").Session} session
 * @param {{session: string, key?: Uint8Array<ArrayBuffer> | undefined, document?: string}} link
 * @returns {string} that the command takes, with all that it needs
 */
function ownLink(session, { session: s, key, document }) {
    const [p = "", token = ""] = (session.headers["Veche-Party"] ?? "").split(" ");
    const said = new URLSearchParams({ s, p, t: token, k: base64url(key ?? new Uint8Array()) });
    if (document) said.set("d", base64url(fromBase64(document)));
    return `${location.origin}${location.pathname}#${said}`;
}

/** @param {"card" | "provider" | "file"} kind */
function kindWords(kind) {
    switch (kind) {
        case "card":
            return t("With a card or a USB key");
        case "provider":
            return t("At your provider of signatures");
        default:
            return t("With a key in a file");
    }
}

/** @param {View} view */
function needed({ you, authorities = [] }) {
    const good = authorities.filter(({ level }) => level >= you.level).map(({ name }) => name);
    return html`<p>
            ${
                you.level === "S4"
                    ? t(
                          "You are asked for a signature with a qualified certificate of your own: the key of this device is not enough. That these certificates are qualified is said by who operates this service:",
                      )
                    : t(
                          "You are asked for a signature with a certificate of your own: the key of this device is not enough. Certificates of these are taken:",
                      )
            }
        </p>
        <ul>
            ${good.map((name) => html`<li><bdi>${name}</bdi></li>`)}
        </ul>`;
}

/**
 * Choosing a certificate at a provider, and what else there is.
 * @param {View} view
 * @param {RemoteSigning} remote
 * @param {unknown} others
 */
function atProvider(view, remote, others) {
    return html`<section class="card" aria-labelledby="own">
            <h2 id="own">${t("Sign with your certificate")}</h2>
            ${needed(view)} ${lookPart(view, remote)}
        </section>
        <details class="other-ways">
            <summary>${t("With a card, or with a command on your computer")}</summary>
            ${others}
        </details>`;
}

/**
 * What to do as long as no certificate was told.
 * @param {View} view
 * @param {{isCopied: boolean, copy: () => void}} copying of the link
 */
function ownSteps(view, { isCopied, copy }) {
    const isOnly = !canBeRemote(view);
    return html`<section class="card" aria-labelledby=${isOnly ? "own" : "own-command"}>
        ${
            isOnly
                ? html`<h2 id="own">${t("Sign with your certificate")}</h2>
                      ${needed(view)}`
                : html`<h2 id="own-command">${t("With a command")}</h2>`
        }
        <ol>
            <li>
                <p>${t("Copy the link of this document. It is for you alone.")}</p>
                <p class="actions">
                    ${button({
                        label: html`${icon(isCopied ? "done" : "copy")}<span
                                >${isCopied ? t("Copied") : t("Copy the link")}</span
                            >`,
                        style: "secondary",
                        press: copy,
                    })}
                </p>
            </li>
            <li>
                <p>
                    ${t("On your computer, run the one of these commands that is for your key, and paste the link where it asks for it:")}
                </p>
                <dl>
                    ${COMMANDS.map(
                        ([kind, line]) =>
                            html`<dt>${kindWords(kind)}</dt>
                                <dd><code class="command">${line}</code></dd>`,
                    )}
                </dl>
            </li>
            <li>
                <p>
                    ${t("It shows the document and asks for its code, {code}. Then it waits, and this page shows your certificate to be approved.", { code: view.code })}
                </p>
            </li>
        </ol>
        <p class="secondary-text small">
            ${t("The document is opened on your computer alone. Your card or your provider gets a digest of it; your PIN goes to them and never to this service.")}
        </p>
        ${spinner(t("Waiting for your certificate…"))}
    </section>`;
}

/**
 * @param {View} view
 * @param {OwnCertificate} own what is approved, and whether it was
 * @param {RemoteSigning} remote
 */
function ownCertificate(view, own, remote) {
    const key = own.key.match(GROUP)?.join(" ");
    return html`<section class="card" aria-labelledby="own">
        <h2 id="own">${t("Your certificate")}</h2>
        <dl class="facts">
            <dt>${t("In the name of")}</dt>
            <dd><bdi>${own.name}</bdi></dd>
            <dt>${t("Issued by")}</dt>
            <dd><bdi>${own.issuer}</bdi></dd>
            <dt>${t("Valid until")}</dt>
            <dd>${showDateTime(own.ends_at_ms)}</dd>
            <dt>${t("Its key")}</dt>
            <dd><code class="small">${key}</code></dd>
        </dl>
        ${own.provider ? fromProvider(view, own, remote) : fromCommand(own)}
    </section>`;
}

/** @param {View} view @param {OwnCertificate} own @param {RemoteSigning} remote */
function fromProvider(view, own, remote) {
    const provider = providerName(view);
    return html`<p>
            ${t("Everyone who signs sees this name and who issued the certificate. Its key is at {provider}: if you have not chosen it there, don't approve.", { provider })}
        </p>
        ${own.is_approved ? signPart(provider, remote) : nothing}
        ${
            remote.doing === "" && remote.untilMs === 0
                ? html`<p class="actions">
                      ${button({
                          label: t("Take another certificate"),
                          style: "secondary",
                          press: () => {
                              remote.isAnew = true;
                              remote.page.requestUpdate();
                          },
                      })}
                  </p>`
                : nothing
        }`;
}

/** @param {OwnCertificate} own that a command has told */
function fromCommand(own) {
    return html`<p>
            ${t("Everyone who signs sees this name and who issued the certificate. The command shows the same key: if it does not, or if you run no command, don't approve.")}
        </p>
        ${
            own.is_approved
                ? banner(
                      "success",
                      html`<p>
                          ${t("You have approved it. The command signs now, and may ask for your PIN.")}
                      </p>`,
                  )
                : nothing
        }`;
}
