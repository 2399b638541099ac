<?php
// The module's texts in Turkish.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Kullanım',
    'used' => 'Kullanılan alan',
    'limit' => 'Sınır',
    'percent' => 'Sınırın kullanılan kısmı',
    'unlimited' => 'Sınırsız',
    'unknown' => 'bilinmiyor',
    'last_30_days' => 'son 30 gün',
    'monthly_average' => 'aylık ortalama',
    'disk' => 'Disk alanı',
    'disk_gb_month' => 'Disk alanı (UNIT-ay)',
    'traffic_in' => 'Gelen trafik',
    'traffic_out' => 'Giden trafik',
    'traffic_total' => 'Toplam trafik',
    'last_reading' => 'Son ölçüm',
    'recalculate' => 'Yeniden hesapla',
    'too_soon' => 'Değerler 10 dakikadan kısa bir süre önce yeniden hesaplandı. Lütfen daha sonra tekrar deneyin.',
    'unreachable' => 'Değerler şu anda kullanılamıyor.',
    'no_account' => 'Bu hizmetin kullanımı henüz ölçülmüyor.',
    'no_history' => 'Henüz geçmiş yok.',
    'incomplete' => 'eksik',
    'this_month' => 'bu ay',
    'free' => 'Boş alan',
    'projected' => 'Ay sonunda beklenen',
    'limit_on' => 'Bu hızla sınıra ulaşılacak tarih',
    'complete' => 'tam',
    'as_of_last' => 'Bunlar bilinen son değerlerdir. Yenileri şu anda kullanılamıyor.',
    'byte' => 'B',
    'last_reported' => 'WHMCS’ye son bildirilen',
    'policy' => 'İlke',
    'policy_standard' => 'Standart',
    'policy_limited' => 'Kısıtlı',
    'pinned' => 'elle ayarlandı',
    'update_policy' => 'İlkeyi güncelle',
    'set_standard' => 'Standart ilkeyi uygula',
    'set_limited' => 'Kısıtlı ilkeyi uygula',
    'not_allowed' => 'Sunucu kaydının anahtarı buna izin vermiyor.',
];
