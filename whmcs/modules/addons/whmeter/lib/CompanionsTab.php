<?php
// Companions: what should be, what is, and what the cron's rounds would do about it.

declare(strict_types=1);

namespace WHMCS\Module\Addon\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Module\Server\Whmeter\CompanionRounds;
use WHMCS\Module\Server\Whmeter\Html;
use WHMCS\Module\Server\Whmeter\Settings;

final class CompanionsTab
{
    private const ROWS = 50;

    public static function html(Request $request): string
    {
        $trouble = Settings::trouble();
        if ($trouble !== null) {
            return Markup::notice('danger', ucfirst($trouble) . '.');
        }
        $wanted = Settings::table('companions');
        if ($wanted === []) {
            return '<p>No product has a companion in settings.php.</p>';
        }
        return self::rows($request, CompanionRounds::differences(), $wanted, count(CompanionRounds::companions()));
    }

    /** @param array[] $differences as the rounds find them @param array $wanted products by products */
    public static function rows(Request $request, array $differences, array $wanted, int $there): string
    {
        $page = min(max(1, (int) $request->get('page')), 1000000);
        $rows = [];
        foreach (array_slice($differences, ($page - 1) * self::ROWS, self::ROWS) as $one) {
            $rows[] = [
                Html::text("#{$one['service']}"),
                $one['companion'] > 0 ? Html::text("#{$one['companion']}") : '–',
                Html::text($one['said']),
                $one['would'] === null ? '<strong>people decide</strong>' : Html::text($one['would']),
            ];
        }
        $products = [];
        foreach ($wanted as $product => $companion) {
            $products[] = 'product ' . (int) $product . ' by product ' . (int) $companion;
        }
        $mendable = count(array_filter($differences, static fn (array $one) => $one['would'] !== null));
        $next = count($differences) > $page * self::ROWS ? (string) ($page + 1) : null;
        return '<p>' . Html::text("By settings.php services of these products are billed by a companion: " . implode(', ', $products) . '.')
            . " $there services have a living one; " . count($differences) . ' are not as they should be.</p>'
            . ($mendable === 0 ? '' : Markup::button($request, 'rounds', [], 'Make a round now'))
            . Markup::table('Companions', ['Service', 'Companion', 'What is not as it should be', 'The next round would'], $rows, 'Nothing has to be done.')
            . Markup::onwards($request, $next, $page === 1, 'page');
    }
}
