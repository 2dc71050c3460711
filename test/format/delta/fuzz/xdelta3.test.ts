/** Hostile patches with secondary compression, as only xdelta3 writes it: DJW and LZMA. */
import { itSurvives } from "./survive.ts";
import { hostileDjw, hostileLzma } from "./vcdiff-formats.ts";

itSurvives(hostileDjw);
itSurvives(hostileLzma);
