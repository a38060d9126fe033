/** Events of a room, as a client gives them to a widget. */

export const BOT = "@veche_org_lindenau_records:localhost";
export const ALICE = "@alice:localhost";
export const CASE = "01JD0000000000000000000001";
const BEGIN_MS = 1_764_000_000_000;
const STEP_MS = 1_000;
const LATER_MS = Date.UTC(2100, 0, 1);

let count = 0;

/**
 * @param {Record<string, unknown>} content
 * @param {Record<string, unknown>} [more] of the event, such as its sender
 * @returns {any}
 */
export function message(content, more = {}) {
    count += 1;
    return {
        type: "m.room.message",
        event_id: `$event${count}`,
        room_id: "!case",
        sender: BOT,
        origin_server_ts: BEGIN_MS + count * STEP_MS,
        content: { msgtype: "m.text", ...content },
        ...more,
    };
}

/** @param {Record<string, unknown>} [more] of the card */
export function card(more = {}) {
    return message({
        body: [
            "Copy of a birth certificate",
            "Case: GHV5YW4F\nState: waits for your answer\nOffice: Vital Records Office",
            `You can also follow it on this page:\nhttp://localhost/cases/${CASE}`,
        ].join("\n\n"),
        "org.veche.case": {
            v: 1,
            id: CASE,
            service: "birth-certificate-copy",
            state: "needs_more",
            office: "Vital Records Office",
            history_len: 3,
            ...more,
        },
    });
}

/**
 * @param {Record<string, unknown>} [more] of the prompt
 * @param {Record<string, unknown>} [event]
 */
export function prompt(more = {}, event = {}) {
    const choices = [
        { id: "travel", label: "Travel" },
        { id: "court", label: "Court" },
    ];
    return message(
        {
            body: "What do you need it for?\n\n1. Travel\n2. Court\n\nTo answer, reply with the number.",
            "org.veche.prompt": {
                v: 1,
                id: "01JD0000000000000000000002",
                scope: [ALICE],
                single_use: true,
                expires_at_ms: LATER_MS,
                min_trust: "e2ee",
                choices,
                ...more,
            },
        },
        event,
    );
}

/**
 * @param {{event_id: string}} original
 * @param {Record<string, unknown>} content the new one
 * @param {Record<string, unknown>} [event]
 * @returns {any}
 */
export function edit(original, content, event = {}) {
    const now = { msgtype: "m.text", body: "", ...content };
    return message(
        {
            body: `* ${now.body}`,
            "m.new_content": now,
            "m.relates_to": { rel_type: "m.replace", event_id: original.event_id },
        },
        event,
    );
}
