<?php
// The module's texts in Hungarian.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Használat',
    'used' => 'Felhasznált tárhely',
    'limit' => 'Korlát',
    'percent' => 'A korlát kihasználtsága',
    'unlimited' => 'Korlátlan',
    'unknown' => 'ismeretlen',
    'last_30_days' => 'utolsó 30 nap',
    'monthly_average' => 'havi átlag',
    'disk' => 'Tárhely',
    'disk_gb_month' => 'Tárhely (UNIT-hónap)',
    'traffic_in' => 'Bejövő forgalom',
    'traffic_out' => 'Kimenő forgalom',
    'traffic_total' => 'Teljes forgalom',
    'last_reading' => 'Utolsó mérés',
    'recalculate' => 'Újraszámítás',
    'too_soon' => 'Az adatok újraszámítása kevesebb mint 10 perce történt. Kérjük, próbálja meg később.',
    'unreachable' => 'Az adatok jelenleg nem érhetők el.',
    'no_account' => 'A szolgáltatás használatát még nem mérjük.',
    'no_history' => 'Még nincsenek korábbi adatok.',
    'incomplete' => 'hiányos',
    'this_month' => 'ebben a hónapban',
    'free' => 'Szabad tárhely',
    'projected' => 'Várható a hónap végéig',
    'limit_on' => 'A korlát elérése ebben az ütemben',
    'complete' => 'teljes',
    'as_of_last' => 'Ezek az utolsó ismert adatok. Újak jelenleg nem érhetők el.',
    'byte' => 'B',
    'last_reported' => 'Utoljára jelentve a WHMCS-nek',
    'policy' => 'Szabályzat',
    'policy_standard' => 'Normál',
    'policy_limited' => 'Korlátozott',
    'pinned' => 'kézzel beállítva',
    'update_policy' => 'Szabályzat frissítése',
    'set_standard' => 'Normál szabályzat beállítása',
    'set_limited' => 'Korlátozott szabályzat beállítása',
    'not_allowed' => 'A kiszolgáló tokenje ezt nem engedélyezi.',
];
