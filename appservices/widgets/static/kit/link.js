/**
 * A widget's one way to its matter: what it reads and sends, whatever carries it. In a Matrix client
 * that is client_link.js, over the widget API.
 *
 * @typedef {import("./matter.js").Matter} Matter
 * @typedef {import("./matter.js").Asked} Asked
 *
 * @typedef {object} Given an answer
 * @property {string} text what the person chose, in words: the message that everybody can read
 * @property {string} [choice] id
 * @property {Record<string, unknown>} [data] values of the form
 *
 * @typedef {object} Link
 * @property {(changed: (matter: Matter) => void, failed: (error: Error) => void) => () => void}
 *     watch gives the matter at once and at each change; the result stops it
 * @property {(asked: Asked, given: Given) => Promise<void>} answer
 * @property {(text: string) => Promise<void>} say writes a message into the room, as the person
 * @property {(uri: string) => Promise<Uint8Array<ArrayBuffer>>} download a file of the homeserver, as
 *     it lies there: of an encrypted one, its ciphertext
 */

/** The client took longer than it may, or refused. */
export class LinkError extends Error {}

/**
 * The content of the message that answers a prompt: readable by everybody, and structured for us.
 * @param {Asked} asked
 * @param {Given} given
 * @returns {Record<string, unknown>}
 */
export function answerContent(asked, given) {
    return {
        msgtype: "m.text",
        body: given.text,
        "m.relates_to": { rel_type: "m.reference", event_id: asked.event_id },
        "org.veche.answer": {
            v: 1,
            prompt: asked.prompt.id,
            ...(given.choice !== undefined && { choice: given.choice }),
            ...(given.data !== undefined && { data: given.data }),
        },
    };
}
