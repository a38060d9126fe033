/** What the page says on which somebody asks for signatures. Pure. */
import { t } from "../../kit/i18n.js";
import { BoxError } from "../../pdf/boxes.js";
import { UploadError } from "../../pdf/normalising.js";
import { explained } from "../words.js";
import { ContainerChosen } from "./upload.js";
import { ROWS_MAX, TableError } from "./table.js";
import { BOXES_MAX, DAYS_MAX, PARTIES_MAX, TITLE_MAX, UNFAIR_MAX } from "./rows.js";

/** @param {import("./rows.js").Role} role @returns {string} as the page of signatures has it */
export function printedRole(role) {
    switch (role) {
        case "clerk":
            return t("For the office");
        case "witness":
            return t("Witness");
        default:
            return t("Signer");
    }
}

/** @param {import("../../pdf/normalising.js").Reason} reason @returns {string} */
function refusalWords(reason) {
    switch (reason) {
        case "not_pdf":
            return t("This file is no PDF: save or print it as PDF, and choose that.");
        case "encrypted":
            return t("This PDF is locked by a password: save it without one, and choose that.");
        case "xfa":
            return t(
                "This PDF is a form that can't be filled in for good here: fill it in, print it as PDF, and choose that.",
            );
        case "signed":
            return t(
                "This PDF is signed already, and a change would break that signature: choose the document as it was before.",
            );
        case "empty":
            return t("This PDF has no pages: choose one that has.");
        case "empty_file":
            return t("This file is empty: choose one that has something in it.");
        case "too_large":
            return t("This file is above 50 MB or 2000 pages: send it in parts.");
        default:
            return t(
                "This file is damaged: open it where it was made, save it again, and choose that.",
            );
    }
}

/** @param {import("../../pdf/flattening.js").Note} note @returns {string} */
export function noteWords(note) {
    switch (note) {
        case "form":
            return t("Its form was filled in for good: nobody can change the answers any more.");
        case "comments":
            return t("Comments and drawings became part of the pages; hidden ones were left out.");
        case "links":
            return t("Links and bookmarks cannot be followed any more.");
        case "scripts":
            return t("Programs in it were left out.");
        case "layers":
            return t("Layers cannot be switched any more: all of them are shown.");
        case "attachments":
            return t("Files attached to it were left out: send them separately.");
        case "carries":
            return t("Files are attached to it: whoever signs it signs them too.");
        case "tags":
            return t("Its structure for screen readers was left out.");
        default:
            return t("It does not bring all of its fonts: letters may look different elsewhere.");
    }
}

/** @param {import("./rows.js").Problem["what"]} what @returns {string} */
export function problemWords(what) {
    switch (what) {
        case "title":
            return t("Write what the document is, in at most {count} characters.", {
                count: TITLE_MAX,
            });
        case "account":
            return t("Write a Matrix account, such as @bob:example.org.");
        case "twice":
            return t("This account stands here already.");
        case "nobody":
            return t("Somebody has to sign or approve.");
        case "need":
            return t("That many don't sign in this step.");
        case "of":
            return t("Choose whom the witness sees sign.");
        case "many":
            return t("At most {count} people.", { count: PARTIES_MAX });
        case "clause":
            return t("Write what is agreed to, in at most {count} characters.", {
                count: TITLE_MAX,
            });
        case "clause_page":
            return t("The document has no such page.");
        case "each_witness":
            return t(
                "Where each gets a document of their own, nobody sees them sign: choose another role, or a later step.",
            );
        case "no_pages":
            return t("This file has no pages: choose “{choice}”.", {
                choice: t("Nowhere: it has no pages"),
            });
        case "level":
            return t("Nobody can sign so here: choose “{choice}”.", { choice: t("as everybody") });
        case "unfair":
            return t("At most {count} clauses are agreed to in particular.", {
                count: UNFAIR_MAX,
            });
        case "boxes":
            return t(
                "Each signer signs each of these clauses by itself: that makes over {count} boxes. Take fewer clauses or fewer people.",
                { count: BOXES_MAX },
            );
        default:
            return t("1 to {count} days.", { count: DAYS_MAX });
    }
}

/** @param {import("./order.js").OrderError} error @returns {string} */
export function orderWords({ problem, word }) {
    switch (problem) {
        case "empty":
            return t("Somebody has to sign or approve.");
        case "role":
            return t("There is no such role: {word}", { word });
        case "witness":
            return t("Write whose signature {word} sees: as witness of bob", { word });
        case "twice":
            return t("{word} stands there twice.", { word });
        case "need":
            return t("That many don't sign in this step.");
        case "page":
            return t("Write the number of a page: on page 3");
        case "place":
            return t("{word} has no box to be put on a page.", { word });
        case "area":
            return t(
                "Where the box is can't be read at “{word}”: write how many points it is from the left and from the top, such as: bob on page 3 at 100 500 size 200 60",
                { word },
            );
        case "covers":
            return t("The box of {name} covers another one: move it.", { name: word });
        case "certificate":
            return t(
                "{word} signs in no box, and so with no certificate: an approver agrees with a key, and a copy is only read.",
                { word },
            );
        case "private":
            return t("A private document can't have this: {word}", { word });
        default:
            return word
                ? t("This can't be read from here on: {word}", { word })
                : t("Something is missing at the end.");
    }
}

/** @param {unknown} error @param {(field: string) => string} nameOf whose box it is @returns {string} */
export function whyNot(error, nameOf) {
    if (error instanceof UploadError) return refusalWords(error.reason);
    if (error instanceof ContainerChosen)
        return t(
            "This is a container with signatures already (ASiC-E): none are added to it here. Choose the file that is in it.",
        );
    if (error instanceof TableError) return tableFault(error);
    if (error instanceof BoxError) return boxFault(error, nameOf(error.field));
    return explained(error);
}

/** @param {TableError} error @returns {string} */
function tableFault({ fault, line }) {
    switch (fault) {
        case "text":
            return t("The table is no text in UTF-8: save it as “CSV UTF-8”.");
        case "mark":
            return t("Line {line} of the table can't be read: a quotation mark is missing.", {
                line,
            });
        case "account":
            return t("Line {line} of the table begins with no account.", { line });
        case "empty":
            return t("The table is empty: write an account on each line.");
        default:
            return t("The table has more than {count} people: send them in parts.", {
                count: ROWS_MAX,
            });
    }
}

/** @param {BoxError} error @param {string} name @returns {string} */
function boxFault({ fault }, name) {
    switch (fault) {
        case "page":
            return t("There is no such page for the box of {name}.", { name });
        case "covers":
            return t("The box of {name} covers another one: move it.", { name });
        default:
            return t("The box of {name} has no room there: move it.", { name });
    }
}

/** @param {"begin" | "upload" | "send"} step @returns {string} */
export function sendingWords(step) {
    switch (step) {
        case "begin":
            return t("Telling the service who signs…");
        case "upload":
            return t("Handing in the encrypted document…");
        default:
            return t("Asking everyone…");
    }
}
