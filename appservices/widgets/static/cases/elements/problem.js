/**
 * What went wrong, in plain words, and what to do next.
 *
 * @typedef {{status: number, errcode: string, message: string, retryAfterMs?: number,
 *   required?: string}} Failure status 0: no answer came
 */
import { html, nothing } from "lit";
import { ApiError, OfflineError } from "../../kit/api.js";
import { button } from "../../kit/elements.js";
import { LinkError } from "../../kit/link.js";
import { plural, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";

/** The service has begun, and needs longer for it than one waits. */
export class NotYetError extends Error {}

const LEVEL_TOO_LOW = "ORG.VECHE.LEVEL_TOO_LOW";
const NO_CLIENT = "client";
const NOT_YET = "not yet";
const SECOND_MS = 1000;

/** @param {unknown} error @returns {Failure} */
export function failureOf(error) {
    if (error instanceof ApiError)
        return {
            status: error.status,
            errcode: error.errcode,
            message: error.message,
            retryAfterMs: error.retryAfterMs,
            required: error.body.required,
        };
    if (error instanceof OfflineError) return { status: 0, errcode: "", message: "" };
    if (error instanceof NotYetError) return { status: 0, errcode: NOT_YET, message: "" };
    if (error instanceof LinkError) return { status: 0, errcode: NO_CLIENT, message: "" };
    // An error of our own code: the person can only try again.
    return { status: 500, errcode: "M_UNKNOWN", message: "" };
}

/** @param {Failure} failure */
function levelWords({ required }) {
    if (required === "signed")
        return t(
            "This has to be approved with the key of your device. Use the button in the question.",
        );
    if (required === "verified")
        return t(
            "This needs a chat that only your verified devices read. Verify your devices in your Matrix client, then sign in with a new link.",
        );
    return t(
        "Your homeserver alone can't open this. Sign in with the link that the office sends to your encrypted chat.",
    );
}

/**
 * @param {Failure} failure
 * @returns {{title: string, text: string, isSignIn?: boolean, isFinal?: boolean}}
 */
export function words(failure) {
    const { status, errcode, message, retryAfterMs } = failure;
    if (errcode === NO_CLIENT)
        return {
            title: t("Your Matrix client did not answer"),
            text: t("Try again, or open this page in the browser. The chat works as ever."),
        };
    if (errcode === NOT_YET)
        return {
            title: t("Your chat with the office is not ready yet"),
            text: t("It takes longer than usual. Please try again in a moment."),
        };
    if (status === 0)
        return {
            title: t("The service can't be reached"),
            text: t("Look at your connection, then try again. Nothing you typed is lost."),
        };
    if (status === 401)
        return {
            title: t("Please sign in again"),
            text: t("Your session is over. Nothing you typed is lost."),
            isSignIn: true,
        };
    if (status === 403)
        return {
            title: t("This needs a stronger sign-in"),
            text: errcode === LEVEL_TOO_LOW ? levelWords(failure) : message,
            isSignIn: errcode === LEVEL_TOO_LOW && failure.required !== "signed",
            isFinal: true,
        };
    if (status === 404)
        return {
            title: t("There is nothing here"),
            text: t("The address may be mistyped, or this belongs to somebody else."),
            isFinal: true,
        };
    if (status === 429 || status === 503) {
        const seconds = Math.ceil((retryAfterMs ?? SECOND_MS) / SECOND_MS);
        return {
            title: status === 429 ? t("That was too fast") : t("The service is busy"),
            text: plural(
                "Please wait {count} second, then try again.",
                "Please wait {count} seconds, then try again.",
                seconds,
            ),
        };
    }
    if (status >= 500)
        return {
            title: t("Something went wrong on our side"),
            text: t(
                "We have recorded the error. Please try again; if it happens again, ask in the chat.",
            ),
        };
    return { title: t("This was not accepted"), text: message };
}

/**
 * @param {unknown} error
 * @param {{again?: () => void, signIn?: string}} [next] what can be pressed
 */
export function problem(error, { again, signIn } = {}) {
    const { title, text, isSignIn, isFinal } = words(failureOf(error));
    return html`<div class="banner critical" role="alert">
        ${icon("error")}
        <div>
            <p class="banner-title">${title}</p>
            <p>${text}</p>
            ${
                isSignIn && signIn
                    ? html`<p class="actions">
                          <a class="button primary" href=${signIn}>${t("Sign in")}</a>
                      </p>`
                    : nothing
            }
            ${
                !isSignIn && !isFinal && again
                    ? html`<p class="actions">
                          ${button({ label: t("Try again"), style: "secondary", press: again })}
                      </p>`
                    : nothing
            }
        </div>
    </div>`;
}
