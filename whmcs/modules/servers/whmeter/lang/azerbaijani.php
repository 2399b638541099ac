<?php
// The module's texts in Azerbaijani.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'İstifadə',
    'used' => 'İstifadə olunan yer',
    'limit' => 'Limit',
    'percent' => 'Limitin istifadə olunan hissəsi',
    'unlimited' => 'Limitsiz',
    'unknown' => 'naməlum',
    'last_30_days' => 'son 30 gün',
    'monthly_average' => 'aylıq orta',
    'disk' => 'Disk sahəsi',
    'disk_gb_month' => 'Disk sahəsi (UNIT-ay)',
    'traffic_in' => 'Gələn trafik',
    'traffic_out' => 'Gedən trafik',
    'traffic_total' => 'Ümumi trafik',
    'last_reading' => 'Son ölçmə',
    'recalculate' => 'Yenidən hesabla',
    'too_soon' => 'Göstəricilər 10 dəqiqədən az əvvəl yenidən hesablanıb. Zəhmət olmasa, sonra yenidən cəhd edin.',
    'unreachable' => 'Göstəricilər hazırda əlçatan deyil.',
    'no_account' => 'Bu xidmətin istifadəsi hələ ölçülmür.',
    'no_history' => 'Hələ tarixçə yoxdur.',
    'incomplete' => 'natamam',
    'this_month' => 'bu ay',
    'free' => 'Boş yer',
    'projected' => 'Ayın sonuna gözlənilən',
    'limit_on' => 'Bu templə limitə çatma',
    'complete' => 'tam',
    'as_of_last' => 'Bunlar son məlum göstəricilərdir. Yeniləri hazırda əlçatan deyil.',
    'byte' => 'B',
    'last_reported' => 'WHMCS-ə son bildirilən',
    'policy' => 'Siyasət',
    'policy_standard' => 'Standart',
    'policy_limited' => 'Məhdud',
    'pinned' => 'əl ilə təyin edilib',
    'update_policy' => 'Siyasəti yenilə',
    'set_standard' => 'Standart siyasəti təyin et',
    'set_limited' => 'Məhdud siyasəti təyin et',
    'not_allowed' => 'Serverin tokeni buna icazə vermir.',
];
