import { StampError } from "../signatures/stamps.js";

/** The authority elsewhere that stamps in the service's place does not answer as it should. */
export class SilentStamperError extends StampError {}
