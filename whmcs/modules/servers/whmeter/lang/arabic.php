<?php
// The module's texts in Arabic.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'rtl',
    'title' => 'الاستخدام',
    'used' => 'المساحة المستخدمة',
    'limit' => 'الحد الأقصى',
    'percent' => 'نسبة المستخدم من الحد',
    'unlimited' => 'غير محدود',
    'unknown' => 'غير معروف',
    'last_30_days' => 'آخر 30 يومًا',
    'monthly_average' => 'المتوسط الشهري',
    'disk' => 'مساحة القرص',
    'disk_gb_month' => 'مساحة القرص (UNIT-شهر)',
    'traffic_in' => 'حركة البيانات الواردة',
    'traffic_out' => 'حركة البيانات الصادرة',
    'traffic_total' => 'إجمالي حركة البيانات',
    'last_reading' => 'آخر قراءة',
    'recalculate' => 'إعادة الحساب',
    'too_soon' => 'أُعيد حساب الأرقام قبل أقل من 10 دقائق. يرجى المحاولة لاحقًا.',
    'unreachable' => 'الأرقام غير متاحة حاليًا.',
    'no_account' => 'لم يبدأ قياس استخدام هذه الخدمة بعد.',
    'no_history' => 'لا يوجد سجل بعد.',
    'incomplete' => 'غير مكتمل',
    'this_month' => 'هذا الشهر',
    'free' => 'المساحة الحرة',
    'projected' => 'المتوقع حتى نهاية الشهر',
    'limit_on' => 'بلوغ الحد بهذه الوتيرة',
    'complete' => 'مكتمل',
    'as_of_last' => 'هذه آخر الأرقام المعروفة. لا تتوفر أرقام جديدة في الوقت الحالي.',
    'byte' => 'B',
    'last_reported' => 'آخر ما أُبلغ به WHMCS',
    'policy' => 'السياسة',
    'policy_standard' => 'قياسية',
    'policy_limited' => 'مقيدة',
    'pinned' => 'محددة يدويًا',
    'update_policy' => 'تحديث السياسة',
    'set_standard' => 'تعيين السياسة القياسية',
    'set_limited' => 'تعيين السياسة المقيدة',
    'not_allowed' => 'رمز الوصول الخاص بالخادم لا يسمح بهذا.',
];
