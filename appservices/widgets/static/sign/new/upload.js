/**
 * From a chosen file to what everyone signs: a PDF that all programs show alike, or, of any other
 * file, a container with it as it is.
 *
 * @typedef {import("../../pdf/normalising.js").Upload} Normalised
 * @typedef {Normalised & {file?: import("../../asic/growing.js").DataFile}} Upload file: of what is
 *   no PDF; then `pdf` is its container
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 */
import { bytesBefore, isContainer } from "../../asic/container.js";
import { begun } from "../../asic/growing.js";
import {
    SALT_BYTES,
    UPLOAD_BYTES_MAX,
    UploadError,
    isPdf,
    normalise,
} from "../../pdf/normalising.js";
import { newPrivateFile } from "../container.js";

const PDF_NAME = /\.pdf$/i;

/** A file is a container with signatures, or for them: none are added to it here. */
export class ContainerChosen extends Error {}

/**
 * @param {Bytes} bytes
 * @param {string} name
 * @returns {Promise<Upload>} each time with other chance in it
 * @throws {UploadError} it can't be signed
 * @throws {ContainerChosen}
 */
export async function prepared(bytes, name) {
    const isToBePdf = bytes.length === 0 || isPdf(bytes) || PDF_NAME.test(name);
    if (isToBePdf) return normalise(bytes, crypto.getRandomValues(new Uint8Array(SALT_BYTES)));
    if (bytes.length > UPLOAD_BYTES_MAX) throw new UploadError("too_large");
    if (isContainer(bytes) || bytesBefore(bytes) > 0) throw new ContainerChosen("signed already");
    const file = newPrivateFile(name, bytes);
    const container = begun(file);
    // With what is beside the file it has to fit, too.
    if (container.length > UPLOAD_BYTES_MAX) throw new UploadError("too_large");
    return { pdf: container, pages: 0, isKept: true, notes: [], file };
}
