<?php
// The module's texts in Macedonian.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Потрошувачка',
    'used' => 'Искористен простор',
    'limit' => 'Ограничување',
    'percent' => 'Искористено од ограничувањето',
    'unlimited' => 'Неограничено',
    'unknown' => 'непознато',
    'last_30_days' => 'последните 30 дена',
    'monthly_average' => 'месечен просек',
    'disk' => 'Простор на диск',
    'disk_gb_month' => 'Простор на диск (UNIT-месеци)',
    'traffic_in' => 'Дојдовен сообраќај',
    'traffic_out' => 'Појдовен сообраќај',
    'traffic_total' => 'Вкупен сообраќај',
    'last_reading' => 'Последно мерење',
    'recalculate' => 'Пресметај повторно',
    'too_soon' => 'Податоците се повторно пресметани пред помалку од 10 минути. Обидете се подоцна.',
    'unreachable' => 'Податоците моментално не се достапни.',
    'no_account' => 'Потрошувачката на оваа услуга сè уште не се мери.',
    'no_history' => 'Сè уште нема историја.',
    'incomplete' => 'нецелосно',
    'this_month' => 'овој месец',
    'free' => 'Слободен простор',
    'projected' => 'Се очекува до крајот на месецот',
    'limit_on' => 'Лимитот се достигнува со ова темпо',
    'complete' => 'целосно',
    'as_of_last' => 'Ова се последните познати податоци. Нови моментално не се достапни.',
    'byte' => 'B',
    'last_reported' => 'Последно пријавено на WHMCS',
    'policy' => 'Политика',
    'policy_standard' => 'Стандардна',
    'policy_limited' => 'Ограничена',
    'pinned' => 'рачно поставена',
    'update_policy' => 'Ажурирај политика',
    'set_standard' => 'Постави стандардна политика',
    'set_limited' => 'Постави ограничена политика',
    'not_allowed' => 'Токенот на серверот не го дозволува ова.',
];
