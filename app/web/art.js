// Drawn pictures: what a product looks like while its photo loads, or when there is none.
import {svg} from './dom.js';

const LONG_SLEEVES = 'M78 46Q100 60 122 46L146 56 171 144 152 150 138 102 140 160Q100 166 60 160L62 102 48 150 29 144 54 56Z';
const LONG_COAT = 'M78 34L100 44 122 34 146 44 170 138 151 144 139 96 145 174Q100 181 55 174L61 96 49 144 30 138 54 44Z';
const LEGS = 'M66 34H134L143 168H112L100 84 88 168H57Z';

// What the category's name says, the cloth, the seams; on a field of 200 × 200. The first that fits.
const DRAWINGS = [
  [/tank|vest|top/, 'M74 42Q78 74 100 76 122 74 126 42L138 42Q136 78 146 90L146 160Q100 166 54 160L54 90Q64 78 62 42Z', 'M57 148Q100 154 143 148'],
  [/hood|sweat(?!pants|er)/, `${LONG_SLEEVES}M78 46Q100 14 122 46 100 60 78 46Z`, 'M78 46Q100 60 122 46M78 46Q86 74 100 76 114 74 122 46M74 142L84 116H116L126 142M61 150Q100 156 139 150M95 78V92M105 78V92'],
  [/suit(?!case)|blazer|tux/, LONG_SLEEVES, 'M78 46L100 98 122 46M84 62L76 74 84 80M116 62L124 74 116 80M100 98V163M74 122H88M112 122H126'],
  [/coat|cardigan/, LONG_COAT, 'M78 34L100 84 122 34M100 84V178M70 124H86M114 124H130M94 104H94M94 126H94M94 148H94'],
  [/jacket|onesie/, LONG_SLEEVES, 'M78 46Q86 62 100 62 114 62 122 46M100 62V163M61 150Q100 156 139 150M72 106H88M112 106H128'],
  [/shirt|blouse/, LONG_SLEEVES, 'M78 46L92 64 100 56 108 64 122 46M100 56V163M112 90H126V108H112ZM97 80H97M97 104H97M97 128H97'],
  [/sweater|pullover|knit/, LONG_SLEEVES, 'M82 50Q100 66 118 50M61 150Q100 156 139 150M150 138L168 133M50 138L32 133M68 84L80 92 92 84 104 92 116 84 128 92'],
  [/sweatpants|legging|jogg/, LEGS, 'M66 46H134M96 46L94 62M104 46L106 62M58 156H88M112 156H142'],
  [/shorts/, 'M62 58H138L150 134H109L100 100 91 134H50Z', 'M61 70H139M100 70V100M70 76Q74 90 62 94M130 76Q126 90 138 94'],
  [/pants|trouser|slack|jean/, LEGS, 'M66 46H134M100 46V84M72 50Q76 66 64 70M128 50Q124 66 136 70M76 90L72 168M124 90L128 168'],
  [/skirt/, 'M76 50H124L152 148Q100 162 48 148Z', 'M73 62H127M88 66L76 153M112 66L124 153M100 66V156'],
  [/romper|overall/, 'M78 34Q82 60 100 62 118 60 122 34L134 34 132 84 130 98 148 152H108L100 126 92 152H52L70 98 68 84 66 34Z', 'M70 98H130M100 98V126'],
  [/dress(?! shoe)|gown/, 'M80 32Q84 58 100 60 116 58 120 32L131 32 131 66Q122 82 122 92L150 166Q100 178 50 166L78 92Q78 82 69 66L69 32Z', 'M78 92Q100 98 122 92M90 98L78 170M110 98L122 170'],
  [/sock/, 'M92 34H134V104L130 138Q126 164 98 164H66Q48 164 50 148 52 136 72 130L86 120Q92 116 92 106Z', 'M92 50H134M112 134Q120 120 133 116M66 132Q76 146 68 164'],
  [/boot/, 'M66 34H118V102Q120 114 140 118 168 124 168 150V160H62Q66 100 66 34Z', 'M63 148H168M66 50H118M118 102Q108 110 96 106M108 66H118M106 78H118M106 90H118'],
  [/heel|pump/, 'M36 64Q64 74 94 106 120 128 158 132 172 136 170 146H126Q96 144 70 116 58 104 55 106L49 154H42Q46 104 36 84Z', 'M60 80Q80 118 126 132'],
  [/shoe|kick|sneak|trainer/, 'M32 88Q52 102 66 84L76 70Q92 94 120 102 164 108 172 130 174 140 166 144H36Q28 120 32 88Z', 'M32 130H171M82 90L94 78M93 97L104 86M105 102L115 92M66 84Q72 112 52 130M136 107Q132 122 142 130'],
  [/backpack|bag|case/, 'M62 80Q62 42 100 42 138 42 138 80V150Q138 166 122 166H78Q62 166 62 150Z', 'M84 43Q84 28 100 28 116 28 116 43M62 92H138M78 112H122V150H78ZM100 112V124'],
  [/glass|lens|accessor/, 'M36 80H92Q96 90 100 90 104 90 108 80H164Q168 128 136 128 112 128 108 98 100 92 92 98 88 128 64 128 32 128 36 80Z', 'M36 84L24 76M164 84L176 76M50 94L64 116M122 94L136 116'],
  [/cap|beanie/, 'M29 122Q29 64 81 64 129 64 133 110 165 114 171 134 135 128 103 132 65 136 29 122Z', 'M81 64Q61 86 63 130M81 64Q107 78 111 108M133 110Q87 104 29 122'],
  [/hat|fedora/, 'M60 116Q62 60 84 60 92 60 100 66 108 60 116 60 138 60 140 116 178 118 178 130 160 148 100 148 40 148 22 130 22 118 60 116Z', 'M60 106Q100 120 140 106M60 116Q100 132 140 116'],
];
const HANGER = [null, 'M100 84L164 126Q170 138 156 138H44Q30 138 36 126ZM100 96L58 126H142Z', 'M100 84V78Q100 74 108 68 116 60 112 51 106 43 97 47 91 51 92 58'];

// Colours by the words that name styles; a name may have several ("White & Red"): the first counts.
const COLOURS = {
  azure: '#5a93c8', black: '#33312f', blue: '#4467a8', brown: '#7b5a43', charcoal: '#48474a', cyan: '#5fb3b8',
  desert: '#b79a74', forest: '#3f5d49', fuchsia: '#b9487e', gold: '#c2a04d', green: '#58805c', grey: '#8b8a87',
  gray: '#8b8a87', indigo: '#4a4a86', ivory: '#d9d0b8', lavender: '#a79bc7', lime: '#9bb358', magenta: '#ad4a88',
  maroon: '#7a3140', mint: '#93c2a7', navy: '#2f3d5e', ocean: '#3f7186', olive: '#7d7b48', orange: '#cf8142',
  orchid: '#b878b4', pink: '#d69aa8', plum: '#794a70', purple: '#735594', red: '#b04a44', salmon: '#d78f7c',
  silver: '#b3b5b6', sky: '#89b2d0', tan: '#b7976f', teal: '#3f8380', turquoise: '#56aca4', violet: '#7f66b0',
  white: '#e6e2da', yellow: '#d7ba4f',
};

/** The colour that a style's name speaks of, or undefined. */
export function colour(name) {
  return (name ?? '').toLowerCase().split(/[^a-z]+/).map((word) => COLOURS[word]).find(Boolean);
}

const TONES = 6; // .tone-0 … in style.css

/** Always the same tone for the same product. */
export const tone = (id) => `tone-${[...String(id)].reduce((sum, digit) => sum * 7 + Number(digit), 3) % TONES}`;

/** A drawing of this category; `fill` colours the cloth, else the tone around it does. */
export function drawing(category, fill) {
  const [, cloth, seams] = DRAWINGS.find(([words]) => words.test((category ?? '').toLowerCase())) ?? HANGER;
  const art = svg('svg', {class: 'art', viewBox: '0 0 200 200', 'aria-hidden': 'true', focusable: 'false'},
    svg('path', {class: 'cloth', d: cloth}), svg('path', {class: 'seam', d: seams}));
  if (fill) art.style.setProperty('--drawn', fill);
  return art;
}
