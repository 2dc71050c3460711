/** Hostile patches in VCDIFF as RFC 3284 has it, and in open-vcdiff's dialect. */
import { itSurvives } from "./survive.ts";
import { hostileSdch, hostileVcdiff } from "./vcdiff-formats.ts";

itSurvives(hostileVcdiff);
itSurvives(hostileSdch);
