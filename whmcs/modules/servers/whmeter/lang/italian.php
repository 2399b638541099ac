<?php
// The module's texts in Italian.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Utilizzo',
    'used' => 'Spazio utilizzato',
    'limit' => 'Limite',
    'percent' => 'Quota del limite utilizzata',
    'unlimited' => 'Illimitato',
    'unknown' => 'sconosciuto',
    'last_30_days' => 'ultimi 30 giorni',
    'monthly_average' => 'media mensile',
    'disk' => 'Spazio su disco',
    'disk_gb_month' => 'Spazio su disco (UNIT-mesi)',
    'traffic_in' => 'Traffico in entrata',
    'traffic_out' => 'Traffico in uscita',
    'traffic_total' => 'Traffico totale',
    'last_reading' => 'Ultima lettura',
    'recalculate' => 'Ricalcola',
    'too_soon' => 'I dati sono stati ricalcolati meno di 10 minuti fa. Riprovi più tardi.',
    'unreachable' => 'I dati non sono disponibili al momento.',
    'no_account' => 'L\'utilizzo di questo servizio non viene ancora misurato.',
    'no_history' => 'Non c\'è ancora uno storico.',
    'incomplete' => 'incompleto',
    'this_month' => 'questo mese',
    'free' => 'Spazio libero',
    'projected' => 'Previsto a fine mese',
    'limit_on' => 'Limite raggiunto a questo ritmo',
    'complete' => 'completo',
    'as_of_last' => 'Questi sono gli ultimi valori noti. Al momento non ne sono disponibili di nuovi.',
    'byte' => 'B',
    'last_reported' => 'Ultimo invio a WHMCS',
    'policy' => 'Criterio',
    'policy_standard' => 'Standard',
    'policy_limited' => 'Limitato',
    'pinned' => 'impostato manualmente',
    'update_policy' => 'Aggiorna criterio',
    'set_standard' => 'Imposta criterio standard',
    'set_limited' => 'Imposta criterio limitato',
    'not_allowed' => 'Il token del server non lo consente.',
];
