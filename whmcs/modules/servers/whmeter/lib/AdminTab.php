<?php
// What staff see on a service: the customer's figures, the policy, and why there are none.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class AdminTab
{
    /** @return array<string, string> HTML by label */
    public static function fields(Standing $standing, Texts $texts): array
    {
        $fields = [];
        foreach (ClientPage::rows($standing, $texts) as $label => $value) {
            $why = $label === 'last_reading' && $standing->withheld !== null ? ' ' . Html::kept("($standing->withheld)") : '';
            $fields[ClientPage::label($label, $texts)] = "<div dir=\"{$texts->direction()}\">$value$why</div>";
        }
        $fields[$texts->get('policy')] = self::policy($standing, $texts);
        if ($standing->isOld) {
            $fields[$texts->get('last_reading')] .= '<br><small>' . $texts->html('as_of_last') . '</small>';
        }
        if ($standing->reported !== []) {
            $fields[$texts->get('last_reported')] = "<div dir=\"{$texts->direction()}\">" . self::reported($standing, $texts) . '</div>';
        }
        if ($standing->soFar !== []) {
            $cost = static fn ($meter, $amount) => Html::text($texts->get($meter)) . ': ' . Html::kept($amount);
            $costs = array_map($cost, array_keys($standing->soFar), $standing->soFar);
            $fields[$texts->get('so_far')] = "<div dir=\"{$texts->direction()}\">" . implode('<br>', $costs) . '</div>';
        }
        if ($standing->parts !== null) {
            $parts = PartsTable::rows($standing->parts, $standing, $texts);
            $fields[$texts->get('parts')] = "<div dir=\"{$texts->direction()}\">$parts</div>";
        }
        $charts = Charts::html($standing, $texts);
        $fields[$texts->get('title')] = "<div dir=\"{$texts->direction()}\">$charts</div>";
        return $fields;
    }

    /** What WHMCS has stored, as it is what is billed. */
    private static function reported(Standing $standing, Texts $texts): string
    {
        $said = [];
        foreach ($standing->reported as $metric => [$value, $at, $carried]) {
            $name = str_replace('UNIT', Settings::unit(), $texts->get($metric));
            $amount = static fn (float $value) => rtrim(rtrim(number_format($value, 5, '.', ''), '0'), '.') . ' ' . Settings::unit();
            $of = $carried === 0.0 ? '' : ' (' . Html::text($texts->get('carried')) . ' ' . Html::kept($amount($carried)) . ')';
            $said[] = Html::text($name) . ': ' . Html::kept($amount($value) . ' · ' . date('Y-m-d H:i', $at)) . $of;
        }
        return implode('<br>', $said);
    }

    private static function policy(Standing $standing, Texts $texts): string
    {
        $name = $standing->policy === null ? 'unknown' : "policy_$standing->policy";
        return $texts->html($name) . ($standing->pinned ? " ({$texts->html('pinned')})" : '');
    }

    /** @return array<string, string> */
    public static function sorry(\Throwable $error, array $secrets, Texts $texts): array
    {
        $status = $error instanceof Refused ? $error->status : 0;
        $why = $error instanceof Refused ? $error->getMessage() : '';
        $why = Html::text(str_replace($secrets, '***', $why));
        $said = $status === 404 ? $texts->html('no_account') : $texts->html('unreachable');
        return [$texts->get('title') => $said . ($why === '' ? '' : "<br><small dir=\"ltr\">$why</small>")];
    }
}
